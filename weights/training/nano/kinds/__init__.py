"""One module for each kind of picture. To add one, write a module with a `Kind` and name it here."""

from training.nano.kinds import form, interface, line, paragraph, receipt, terminal
from training.nano.sample import Kind

KINDS: dict[str, Kind] = {
    "words": line.words,
    "line": line.mixed,
    "prose": line.prose,
    "values": line.values,
    "accented": line.accented,
    "vietnamese": line.vietnamese,
    "paragraph": paragraph.draw,
    "vietnamese paragraph": paragraph.vietnamese,
    "receipt": receipt.draw,
    "form": form.draw,
    "interface": interface.draw,
    "terminal": terminal.draw,
}
