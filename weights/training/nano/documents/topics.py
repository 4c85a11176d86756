"""What is asked of more than one kind of document."""

from __future__ import annotations

from random import Random

from training.nano.documents.questions import Pair, Topic, miss

TOTAL = Topic("total", (
    "What is the total?", "How much is the total?", "What is the total amount?", "How much was paid in total?",
    "What's the total?", "total?", "the total", "How much is it altogether?", "What does everything cost together?",
    "Read the total.", "grand total?",
))  # fmt: skip
TAX = Topic("tax", (
    "What is the tax?", "How much is the tax?", "How much tax was paid?", "What's the tax amount?", "tax?",
    "the tax", "How much VAT is there?", "What is the VAT?", "What does the tax come to?",
))  # fmt: skip
SUBTOTAL = Topic("subtotal", (
    "What is the subtotal?", "How much is the subtotal?", "What's the subtotal?", "subtotal?", "the subtotal",
    "What is the amount before tax?", "Read the subtotal.",
))  # fmt: skip
DATE = Topic("date", (
    "What is the date?", "What date is it?", "When was this issued?", "What's the date?", "date?", "the date",
    "Which date is printed?", "What day is it from?", "On which date was this?",
))  # fmt: skip
TIME = Topic("time", (
    "What is the time?", "What time is it?", "At what time was this?", "What's the time?", "time?", "the time",
    "Which time is printed?", "What time is shown?",
))  # fmt: skip
SHOP = Topic("shop", (
    "What is the shop?", "Which shop is it?", "What is the name of the shop?", "What is the store called?", "shop?",
    "Where was this bought?", "Which store is this from?", "Name of the shop?", "What's the name of the store?",
))  # fmt: skip
PAYMENT = Topic("payment method", (
    "How was it paid?", "What is the payment method?", "How did they pay?", "payment method?", "paid by?",
    "Which payment method was used?", "What was used to pay?", "Was it paid by cash or card?",
))  # fmt: skip
PRICE = Topic("{}", (
    "What does the {} cost?", "How much is the {}?", "What is the price of the {}?", "How much does the {} cost?",
    "price of {}?", "{} price?", "{}?", "How much was paid for {}?", "What's the price of {}?", "How much for the {}?",
    "What is the price of {}?", "How much is {}?",
))  # fmt: skip
FIELD = Topic("{}", (
    "What is the {}?", "What is the value of {}?", "{}?", "What's the {}?", "What does it say for {}?", "the {}",
    "Read the {}.", "Which {} is given?", "What is written next to {}?", "Give me the {}.", "value of {}?",
    "What is entered as {}?",
))  # fmt: skip
TITLE = Topic("title", (
    "What is the title?", "What's the title?", "title?", "the title", "What is it titled?", "Read the title.",
    "Which title does it have?", "What does the title say?",
))  # fmt: skip
HEADING = Topic("heading", (
    "What is the heading?", "What's the heading?", "heading?", "What is the headline?", "the heading",
    "What does the heading say?", "Read the headline.", "Which heading is at the top?", "What is the title?",
))  # fmt: skip
BUTTONS = Topic("button", (
    "Which buttons are there?", "What buttons can I press?", "What do the buttons say?", "buttons?", "the buttons",
    "List the buttons.", "What are the buttons?", "Which buttons can be clicked?", "Name the buttons.",
))  # fmt: skip
SAYS = Topic("text", (
    "What does it say?", "What is written here?", "What does the text say?", "What is the text?", "text?",
    "what does it say", "Which words are there?", "What is written on it?", "Read what it says.",
))  # fmt: skip
LARGEST_BAR = Topic("bar", (
    "Which bar is the largest?", "Which is the largest?", "What is the tallest bar?", "largest bar?",
    "Which category has the highest value?", "Which bar is the longest?", "What has the largest value?",
    "Which one is the biggest?",
), key="largest")  # fmt: skip
LEFT_SHAPE = Topic("shape", (
    "What shape is on the left?", "Which shape is on the left?", "What is the left-most shape?", "shape on the left?",
    "What is on the left?", "What kind of shape is furthest left?", "left shape?",
), key="left")  # fmt: skip

_STRANGERS = (TOTAL, TAX, SUBTOTAL, DATE, TIME, SHOP, PAYMENT, TITLE, BUTTONS, LARGEST_BAR, LEFT_SHAPE)


def strangers(rng: Random, *but: Topic) -> list[Pair]:
    """What is asked of other documents and does not apply here, but for some topics, which do or might."""
    return [miss(rng, topic) for topic in _STRANGERS if topic not in but]
