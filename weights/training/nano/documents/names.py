"""Names of shops, things, people and places; the held-out part of the words goes with the held-out part of these."""

from __future__ import annotations

from functools import lru_cache
from random import Random

from training.nano.fonts import held_out
from training.nano.words import Words, digits

_HELD_OUT_WORDS, _HELD_OUT_NAMES = 0.1, 0.15

LANGUAGES = ("English", "French", "German", "Spanish", "Vietnamese")

_PRODUCTS = {
    "English": (
        "Espresso", "Cappuccino", "Latte", "Green tea", "Tea", "Orange juice", "Lemonade", "Croissant", "Bagel",
        "Muffin", "Cheesecake", "Sandwich", "Tomato soup", "Caesar salad", "Pizza", "Burger", "French fries", "Milk",
        "Butter", "Bread", "Eggs", "Apples", "Bananas", "Rice", "Pasta", "Olive oil", "Cheddar", "Yogurt", "Honey",
        "Chocolate", "Cookies", "Water", "Cola", "Beer", "Red wine", "Soap", "Shampoo", "Toothpaste", "Paper towels",
        "Batteries", "Notebook", "Pencil", "Stapler", "USB cable", "Light bulb", "Hammer", "Screws", "Paint brush",
        "T-shirt", "Socks", "Umbrella", "Cat food", "Chicken wings", "Salmon", "Ice cream", "Pancakes", "Hot dog",
        "Mineral water", "Ginger ale", "Brownie", "Club sandwich", "Fish and chips", "Iced coffee", "Mocha", "Carrots",
        "Potatoes", "Onions", "Garlic", "Cucumber", "Grapes", "Strawberries", "Peanut butter", "Cereal", "Flour",
        "Sugar", "Sponge", "Candle", "Phone case", "Headphones", "Mouse pad", "Envelope", "Postage", "Parking",
    ),
    "French": (
        "Café", "Café crème", "Croissant", "Baguette", "Pain au chocolat", "Crêpe", "Thé à la menthe", "Fromage",
        "Jambon", "Beurre", "Œufs", "Crème brûlée", "Salade niçoise", "Tarte aux pommes", "Eau minérale",
        "Jus d'orange",
        "Poulet rôti", "Bière", "Vin rouge", "Confiture", "Éclair", "Soupe du jour", "Pâtes fraîches", "Chocolat chaud",
    ),
    "German": (
        "Kaffee", "Brötchen", "Brezel", "Apfelschorle", "Bratwurst", "Käse", "Butter", "Vollkornbrot", "Milch", "Eier",
        "Kartoffelsalat", "Schnitzel", "Müsli", "Gurken", "Äpfel", "Weißbier", "Mineralwasser", "Apfelstrudel",
        "Zucker",
        "Knödel", "Spätzle", "Tee", "Quark", "Nüsse", "Zwiebeln",
    ),
    "Spanish": (
        "Café solo", "Café con leche", "Churros", "Tortilla", "Jamón", "Queso", "Pan", "Leche", "Huevos", "Piña",
        "Plátanos", "Zumo de naranja", "Agua", "Cerveza", "Vino tinto", "Paella", "Gazpacho", "Ensalada", "Arroz",
        "Limón", "Azúcar", "Jabón", "Champú", "Menú del día", "Té verde",
    ),
    "Vietnamese": (
        "Phở bò", "Phở gà", "Bánh mì", "Cà phê sữa đá", "Trà đá", "Bún chả", "Gỏi cuốn", "Nem rán", "Cơm tấm",
        "Bánh xèo",
        "Chè ba màu", "Nước cam", "Sinh tố bơ", "Bia hơi", "Mì xào", "Canh chua", "Xôi gà", "Bún bò Huế", "Trà sữa",
        "Nước dừa", "Cá kho tộ", "Rau muống", "Đậu hũ", "Sữa chua", "Hủ tiếu",
    ),
}  # fmt: skip
_SHOPS = (
    "Corner Cafe", "Green Market", "City Books", "Sunrise Bakery", "The Coffee House", "Fresh & Co.", "Blue Bottle",
    "Super Save", "Old Town Grill", "Harbor Foods", "Daily Grind", "Pizza Roma", "Golden Dragon", "Tech World",
    "Happy Pets", "Garden Center", "Quick Stop", "Mini Mart", "Home Depot 24", "Metro Pharmacy",
    "La Petite Boulangerie",
    "Café de la Gare", "Bäckerei Müller", "Getränke Weiß", "El Rincón", "Mercado Central", "Quán Cơm Việt",
    "Phở Hà Nội",
    "Nhà sách Phương Nam", "Siêu thị Xanh", "Bean There", "Ocean View Hotel", "Riverside Diner", "Noodle Bar",
)  # fmt: skip
_TRADES = (
    "Cafe", "Market", "Bakery", "Books", "Store", "Grill", "Foods", "Diner", "Pharmacy", "Hardware", "Shop", "Deli",
    "Restaurant", "Bistro", "Garage", "Toys", "Hotel", "& Sons", "Kitchen", "Express",
)  # fmt: skip
_COMPANIES = ("Ltd", "Inc.", "GmbH", "LLC", "Corp.", "& Co.", "S.A.", "Group", "Services", "AG", "Partners", "Studio")
_STREETS = ("Street", "St.", "Road", "Avenue", "Ave", "Lane", "Blvd", "Drive", "Way", "Square")
_FIRST_NAMES = (
    "Anna", "John", "Maria", "Peter", "Linh", "Minh", "Sofia", "David", "Emma", "Lucas", "Laura", "James", "Nina",
    "Paul",
    "Claire", "José", "Jürgen", "Zoé", "Thảo", "Ahmed", "Olga", "Kenji", "Priya", "Sam", "Ruth", "Omar", "Ivan",
    "Grace",
)  # fmt: skip
_LAST_NAMES = (
    "Smith", "Miller", "Nguyễn", "Trần", "Garcia", "Müller", "Dubois", "Brown", "Rossi", "Kowalski", "Silva", "Jones",
    "Schmidt", "López", "Wilson", "Martin", "Phạm", "Taylor", "Novak", "Lee", "Khan", "Sato", "Meyer", "Clark", "Lê",
)  # fmt: skip
_CITIES = (
    "London", "Paris", "Berlin", "Madrid", "Hanoi", "Hà Nội", "Đà Nẵng", "Huế", "New York", "Chicago", "Boston",
    "Austin",
    "Seattle", "Toronto", "Zürich", "Wien", "München", "Köln", "Lyon", "Nice", "Málaga", "Sevilla", "Porto", "Oslo",
    "Dublin", "Leeds", "Sydney", "Denver", "Prague", "Rome",
)  # fmt: skip


@lru_cache
def _part(names: tuple[str, ...], held: bool) -> tuple[str, ...]:
    return tuple(name for name in names if held_out(name, _HELD_OUT_NAMES) == held) or names[:1]


def pick(rng: Random, words: Words, names: tuple[str, ...]) -> str:
    """One of the names that belong to the same part as the words."""
    return rng.choice(_part(names, held_out(words.english[0].lower(), _HELD_OUT_WORDS)))


def plain(rng: Random, words: Words, longest: int = 10) -> str:
    """A capitalised word without an apostrophe."""
    while True:
        word = rng.choice(words.english)
        if "'" not in word and 2 < len(word) <= longest:
            return word.capitalize()


def product(rng: Random, words: Words, language: str = "English") -> str:
    if rng.random() < 0.65:
        return pick(rng, words, _PRODUCTS[language])
    if language == "Vietnamese":
        return " ".join(rng.choices(words.vietnamese, k=2)).capitalize()
    own = plain(rng, words)
    return own if rng.random() < 0.5 else f"{own} {plain(rng, words).lower()}"


def products(rng: Random, words: Words, language: str, count: int) -> list[str]:
    """Different ones, none of which is a part of another."""
    found: list[str] = []
    while len(found) < count:
        name = product(rng, words, language)
        if not any(name.lower() in other.lower() or other.lower() in name.lower() for other in found):
            found.append(name)
    return found


def shop(rng: Random, words: Words) -> str:
    style = rng.random()
    if style < 0.35:
        return pick(rng, words, _SHOPS)
    if style < 0.6:
        return f"{pick(rng, words, _LAST_NAMES)}'s {rng.choice(_TRADES)}".replace("'s &", " &")
    return f"{plain(rng, words)} {rng.choice(_TRADES)}"


def company(rng: Random, words: Words) -> str:
    first = plain(rng, words) if rng.random() < 0.7 else pick(rng, words, _LAST_NAMES)
    return f"{first} {rng.choice(_COMPANIES)}"


def person(rng: Random, words: Words) -> str:
    last = pick(rng, words, _LAST_NAMES) if rng.random() < 0.7 else plain(rng, words)
    return f"{pick(rng, words, _FIRST_NAMES)} {last}"


def city(rng: Random, words: Words) -> str:
    if rng.random() < 0.6:
        return pick(rng, words, _CITIES)
    return f"{rng.choice(('New ', 'Port ', 'Bad ', 'San ', 'Saint-', ''))}{plain(rng, words)}"


def street(rng: Random, words: Words) -> str:
    return f"{rng.randint(1, 999)} {plain(rng, words)} {rng.choice(_STREETS)}"


def address(rng: Random, words: Words) -> tuple[str, ...]:
    """One or two rows."""
    place = f"{city(rng, words)} {digits(rng, 5)}" if rng.random() < 0.5 else f"{digits(rng, 5)} {city(rng, words)}"
    return (f"{street(rng, words)}, {place}",) if rng.random() < 0.3 else (street(rng, words), place)
