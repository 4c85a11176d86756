"""The labels of receipts and invoices in five languages."""

from __future__ import annotations

from random import Random
from typing import NamedTuple


class Labels(NamedTuple):
    """thanks: the last row. Every other field names the value beside it."""

    total: str
    subtotal: str
    tax: str
    cash: str
    card: str
    change: str
    date: str
    time: str
    number: str
    server: str
    thanks: str


_LABELS: dict[str, tuple[tuple[str, ...], ...]] = {
    "English": (
        ("Total", "Total", "TOTAL", "Grand total", "Amount due", "TOTAL DUE", "Balance due", "Total amount"),
        ("Subtotal", "Sub-total", "SUBTOTAL", "Sub total", "Net amount"),
        ("Tax", "Sales tax", "VAT", "GST", "TAX"),
        ("Cash", "CASH"), ("Card", "VISA", "Mastercard", "Credit card", "Debit card", "AMEX", "Gift card"),
        ("Change", "Change due", "CHANGE"), ("Date", "DATE"), ("Time",),
        ("Receipt", "Receipt no.", "Check #", "Order", "Ticket", "Trans."), ("Cashier", "Server", "Served by", "Clerk"),
        ("Thank you!", "THANK YOU", "Thank you for your visit", "Have a nice day!", "Please come again",
         "Thanks for shopping with us"),
    ),
    "French": (
        ("Total", "Total TTC", "TOTAL", "Total à payer", "Montant dû"), ("Sous-total", "Total HT", "Montant HT"),
        ("TVA", "Taxe"), ("Espèces", "ESPÈCES"), ("Carte", "CB", "Carte bancaire"), ("Rendu", "Monnaie"),
        ("Date", "Le"), ("Heure",), ("Ticket", "Reçu n°"), ("Caissier", "Serveur"),
        ("Merci !", "Merci de votre visite", "À bientôt", "MERCI"),
    ),
    "German": (
        ("Summe", "SUMME", "Gesamt", "Gesamtbetrag", "Zu zahlen"), ("Zwischensumme", "Netto", "Nettobetrag"),
        ("MwSt.", "USt.", "Steuer"), ("Bar", "BAR"), ("Karte", "EC-Karte", "Girocard", "Kreditkarte"),
        ("Rückgeld", "Zurück"), ("Datum",), ("Uhrzeit", "Zeit"), ("Beleg-Nr.", "Bon"), ("Kassierer", "Bedienung"),
        ("Vielen Dank!", "Danke für Ihren Einkauf", "Auf Wiedersehen", "DANKE"),
    ),
    "Spanish": (
        ("Total", "TOTAL", "Importe total", "Total a pagar"), ("Subtotal", "Base imponible"), ("IVA", "Impuesto"),
        ("Efectivo", "EFECTIVO"), ("Tarjeta", "Tarjeta de crédito"), ("Cambio",), ("Fecha",), ("Hora",),
        ("Recibo", "Factura nº"), ("Cajero", "Atendido por"), ("¡Gracias!", "Gracias por su visita", "GRACIAS"),
    ),
    "Vietnamese": (
        ("Tổng cộng", "TỔNG CỘNG", "Tổng tiền", "Thanh toán"), ("Tạm tính", "Cộng tiền hàng"),
        ("Thuế VAT", "Thuế GTGT"),
        ("Tiền mặt",), ("Thẻ", "Chuyển khoản", "Thẻ ngân hàng"), ("Tiền thừa", "Trả lại"), ("Ngày",), ("Giờ",),
        ("Số HĐ", "Hóa đơn số"), ("Thu ngân", "Nhân viên"), ("Cảm ơn quý khách", "Hẹn gặp lại", "Xin cảm ơn!"),
    ),
}  # fmt: skip


def labels(rng: Random, language: str) -> Labels:
    return Labels(*(rng.choice(choices) for choices in _LABELS[language]))
