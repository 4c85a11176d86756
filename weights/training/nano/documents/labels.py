"""The labels of forms, with values as they stand beside them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from training.nano.documents import names
from training.nano.words import Words, code, date, digits, percentage, phone, price, time

Maker = Callable[[Random, Words], str]


def _one(*choices: str) -> Maker:
    return lambda rng, words: rng.choice(choices)


def _count(rng: Random, words: Words) -> str:
    return str(rng.randint(1, 10 ** rng.randint(1, 3)))


def _account(rng: Random, words: Words) -> str:
    return f"{rng.choice(('DE', 'FR', 'ES', 'GB', 'CH'))}{digits(rng, 2)} {digits(rng, 4)} {digits(rng, 4)}"


def _sentence(rng: Random, words: Words) -> str:
    return " ".join(names.plain(rng, words).lower() for _ in range(rng.randint(2, 4))).capitalize()


def _numbered(rng: Random, words: Words) -> str:
    return rng.choice((digits(rng, rng.randint(4, 8)), code(rng), f"#{digits(rng, 5)}", f"INV-{digits(rng, 4)}"))


_LABELS: tuple[tuple[Maker, tuple[str, ...]], ...] = (
    (names.person, (
        "Name", "Full name", "Customer", "Customer name", "Contact", "Contact person", "Patient", "Patient name",
        "Employee", "Manager", "Author", "Owner", "Recipient", "Sender", "Signed by", "Doctor", "Guest", "Teacher",
        "Họ và tên", "Emergency contact",
    )),
    (lambda rng, words: names.person(rng, words).split()[0], ("First name", "Prénom", "Vorname", "Tên")),
    (lambda rng, words: names.person(rng, words).split()[1], ("Last name", "Surname", "Nachname", "Family name")),
    (names.company, ("Company", "Employer", "Supplier", "Client", "Bank", "Firma")),
    (names.street, ("Address", "Street", "Street address", "Straße", "Địa chỉ", "Dirección", "Adresse")),
    (names.city, ("City", "Town", "Place of birth", "Location", "Destination", "Ciudad", "Ville", "From", "To")),
    (_one("Germany", "France", "Spain", "Vietnam", "Canada", "Japan", "Italy", "USA", "Brazil", "India", "Norway"),
     ("Country", "Nationality", "Land", "Quốc gia", "País")),
    (lambda rng, words: digits(rng, 5), ("ZIP code", "Postal code", "PLZ", "Code postal")),
    (lambda rng, words: phone(rng), (
        "Phone", "Phone number", "Mobile", "Telephone", "Fax", "Tel.", "Số điện thoại", "Téléphone", "Cell phone")),
    (lambda rng, words: words.email(rng), ("E-mail", "Email", "Email address", "Work email", "Correo electrónico")),
    (lambda rng, words: words.url(rng), ("Website", "URL", "Homepage", "Link")),
    (lambda rng, words: date(rng), (
        "Date", "Date of birth", "Due date", "Invoice date", "Order date", "Start date", "End date", "Delivery date",
        "Valid until", "Expiry date", "Issued on", "Ngày sinh", "Geburtsdatum", "Fecha", "Arrival", "Departure",
    )),
    (lambda rng, words: time(rng), ("Time", "Start time", "Check-in", "Check-out", "Uhrzeit", "Heure", "Boarding")),
    (_numbered, (
        "Invoice number", "Invoice No.", "Order number", "Order No.", "Customer number", "Reference", "Ticket",
        "Account number", "Tracking number", "Passport number", "Serial number", "Policy number", "Case ID", "Booking",
        "Contract No.", "Part number", "Order ID", "Room", "PO number", "Rechnungsnummer", "Mã số thuế",
        "Licence plate",
    )),
    (_account, ("IBAN", "Account", "Bank account")),
    (lambda rng, words: price(rng), (
        "Amount", "Price", "Unit price", "Balance", "Deposit", "Fee", "Discount", "Shipping", "Salary", "Rent",
        "Betrag",
        "Credit limit", "Số tiền",
    )),
    (_count, ("Quantity", "Age", "Pages", "Guests", "Seats", "Weight", "Height", "Points", "Version", "Floor")),
    (lambda rng, words: percentage(rng), ("Interest rate", "Progress", "Humidity", "Score")),
    (_one("Open", "Paid", "Pending", "Shipped", "Closed", "Active", "Cancelled", "In progress", "Approved", "Overdue"),
     ("Status", "State", "Order status", "Payment status", "Trạng thái")),
    (_one("Yes", "No"), ("Newsletter", "Member", "Insurance", "Gift wrap", "Smoker", "Subscribed")),
    (_one("Sales", "Support", "Engineering", "Marketing", "Finance", "Design", "Legal", "Research"),
     ("Department", "Team", "Category", "Topic", "Abteilung")),
    (_one("Engineer", "Nurse", "Teacher", "Accountant", "Designer", "Student", "Driver", "Cook", "Pilot", "Baker"),
     ("Job title", "Occupation", "Position", "Beruf", "Profession")),
    (_one("English", "German", "French", "Spanish", "Vietnamese", "Japanese"), ("Language", "Sprache", "Langue")),
    (_one("Credit card", "Bank transfer", "Cash", "PayPal", "Invoice"), ("Payment method", "Paid by", "Zahlungsart")),
    (_one("Low", "Medium", "High", "Urgent"), ("Priority", "Severity", "Risk")),
    (_one("Single", "Married", "Male", "Female", "A+", "B-", "O+", "AB+"), ("Marital status", "Gender", "Blood type")),
    (_sentence, ("Subject", "Description", "Notes", "Comment", "Remarks", "Project", "Product", "Event", "Reason")),
)  # fmt: skip


def fields(rng: Random, words: Words, count: int) -> list[tuple[str, str]]:
    """(label, value), no label twice; some of the labels exist nowhere else."""
    found: dict[str, tuple[str, str]] = {}
    while len(found) < count:
        if rng.random() < 0.15:
            label = _invented(rng, words)
            value = words.value(rng) if rng.random() < 0.6 else names.plain(rng, words)
        else:
            maker, labels = rng.choice(_LABELS)
            label, value = rng.choice(labels), maker(rng, words)
        found.setdefault(label.lower(), (label, value))
    return list(found.values())


def _invented(rng: Random, words: Words) -> str:
    first = names.plain(rng, words)
    return rng.choice((first, f"{first} {rng.choice(('code', 'no.', 'type', 'date', 'level', 'name', 'ID', 'count'))}"))
