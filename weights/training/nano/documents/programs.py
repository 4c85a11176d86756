"""Small programs in a few languages, and what happens in terminals."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from training.nano.documents.names import plain
from training.nano.words import Words, digits, time

LANGUAGES = ("Python", "Python", "JavaScript", "C", "JSON", "Rust")


@dataclass(frozen=True, slots=True)
class Program:
    """values: names with what is assigned to them, once."""

    language: str
    lines: tuple[str, ...]
    functions: tuple[str, ...]
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Session:
    """error: its line, or empty."""

    lines: tuple[str, ...]
    commands: tuple[str, ...]
    error: str


def program(rng: Random, words: Words, language: str) -> Program:
    names = _identifiers(rng, words, 6)
    values = [(name, _literal(rng, words, language)) for name in names[: rng.randint(1, 4)]]
    if language == "JSON":
        body = [f'  "{name}": {value}' for name, value in values]
        return Program(language, ("{", *(line + "," for line in body[:-1]), body[-1], "}"), (), tuple(values))
    function, argument = names[4], names[5]
    lines = [_ASSIGN[language].format(name=name, value=value) for name, value in values]
    defined = rng.random() < 0.7
    if defined:
        used = rng.choice(values)[0]
        body = [line.format(function=function, argument=argument, used=used) for line in rng.choice(_BODIES[language])]
        lines = [*lines, *body] if rng.random() < 0.7 else [*body, *lines]
    if rng.random() < 0.4:
        lines.insert(0, _COMMENT[language] + f"{plain(rng, words)} {plain(rng, words).lower()}")
    return Program(language, tuple(lines), (function,) if defined else (), tuple(values))


_ASSIGN = {
    "Python": "{name} = {value}", "JavaScript": "const {name} = {value};", "C": "int {name} = {value};",
    "Rust": "let {name} = {value};",
}  # fmt: skip
_COMMENT = {"Python": "# ", "JavaScript": "// ", "C": "// ", "Rust": "// "}
_BODIES: dict[str, tuple[tuple[str, ...], ...]] = {
    "Python": (
        ("def {function}({argument}):", "    return {argument} + {used}"),
        ("def {function}({argument}):", "    if not {argument}:", "        return {used}", "    return {argument} * 2"),
        ("def {function}({argument}):", "    for i in range({argument}):", "        print(i, {used})"),
        ("def {function}(self, {argument}):", "    self.{used} = {argument}", "    return self"),
        ("def {function}({argument}):", "    try:", "        return open({argument})", "    except OSError:",
         "        return None"),
    ),
    "JavaScript": (
        ("function {function}({argument}) {{", "  return {argument} + {used};", "}}"),
        ("function {function}({argument}) {{", "  if (!{argument}) {{", "    return {used};", "  }}", "}}"),
        ("async function {function}({argument}) {{", "  const data = await fetch({argument});",
         "  console.log(data, {used});", "}}"),
    ),
    "C": (
        ("int {function}(int {argument}) {{", "    return {argument} + {used};", "}}"),
        ("void {function}(char *{argument}) {{", "    for (int i = 0; i < {used}; i++) {{", "        puts({argument});",
         "    }}", "}}"),
    ),
    "Rust": (
        ("fn {function}({argument}: i32) -> i32 {{", "    {argument} + {used}", "}}"),
        ("pub fn {function}({argument}: &str) {{", '    println!("{{}}", {argument});', "}}"),
    ),
}  # fmt: skip


def _identifiers(rng: Random, words: Words, count: int) -> list[str]:
    """Names of which none is a part of another."""
    found: list[str] = []
    while len(found) < count:
        name = words.identifier(rng).replace("-", "_")
        if len(name) > 2 and not any(name in other or other in name for other in found):
            found.append(name)
    return found


def _literal(rng: Random, words: Words, language: str) -> str:
    number = rng.choice((digits(rng, 1), str(rng.randint(1, 9999)), str(rng.randint(10, 99))))
    if language == "C":
        return number
    text, true = f'"{rng.choice((plain(rng, words), words.url(rng)))}"', "True" if language == "Python" else "true"
    return rng.choice((number, number, f"{rng.randint(0, 9)}.{digits(rng, 2)}", text, text, true))


_PROMPTS = ("$ ", "$ ", "# ", "> ", "~$ ", "user@host:~$ ", "C:\\> ", "% ")


def session(rng: Random, words: Words) -> Session:
    prompt = rng.choice(_PROMPTS)
    lines: list[str] = []
    commands: list[str] = []
    error = ""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        command, answers, fault = rng.choice(_COMMANDS)(rng, words)
        if error and fault:
            break
        lines += [prompt + command, *answers, *([fault] if fault else [])]
        commands.append(command)
        error = error or fault
    return Session(tuple(lines), tuple(commands), error)


Answered = tuple[str, list[str], str]
"""A command, what it printed, and its error, if any."""


def _list(rng: Random, words: Words) -> Answered:
    files = [
        f"{words.identifier(rng)}.{rng.choice(('py', 'txt', 'md', 'json', 'png'))}" for _ in range(rng.randint(1, 6))
    ]
    if rng.random() < 0.4:
        return "ls", files, ""
    rows = [
        f"-rw-r--r-- 1 {rng.choice(('root', 'user'))} {rng.randint(100, 99999):6d} {time(rng)} {name}" for name in files
    ]
    return "ls -l", [f"total {rng.randint(4, 999)}", *rows], ""


def _missing(rng: Random, words: Words) -> Answered:
    file = f"{words.identifier(rng)}.txt"
    command = rng.choice(("cat", "rm", "cp", "head", "less"))
    return f"{command} {file}", [], f"{command}: {file}: No such file or directory"


def _unknown(rng: Random, words: Words) -> Answered:
    name = words.identifier(rng)
    return name, [], f"bash: {name}: command not found"


def _git(rng: Random, words: Words) -> Answered:
    branch, file = words.identifier(rng), f"{words.identifier(rng)}.py"
    answers = [f"On branch {branch}", "Changes not staged for commit:", f"  modified: {file}"]
    clean = [f"On branch {branch}", "nothing to commit, working tree clean"]
    return "git status", rng.choice((answers, clean)), ""


def _commit(rng: Random, words: Words) -> Answered:
    note, files = f"{plain(rng, words)} {plain(rng, words).lower()}", rng.randint(1, 20)
    made = f"[main {rng.randrange(16**7):07x}] {note}"
    return f'git commit -m "{note}"', [made, f" {files} files changed, {rng.randint(1, 300)} insertions(+)"], ""


def _install(rng: Random, words: Words) -> Answered:
    name, version = words.identifier(rng), f"{rng.randint(0, 9)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}"
    if rng.random() < 0.3:
        return f"pip install {name}", [], f"ERROR: No matching distribution found for {name}"
    return f"pip install {name}", [f"Collecting {name}", f"Successfully installed {name}-{version}"], ""


def _python(rng: Random, words: Words) -> Answered:
    file, name = f"{words.identifier(rng)}.py", words.identifier(rng)
    at = ["Traceback (most recent call last):", f'  File "{file}", line {rng.randint(1, 300)}, in <module>']
    faults = (f"NameError: name '{name}' is not defined", f"ModuleNotFoundError: No module named '{name}'",
              "ZeroDivisionError: division by zero", f"KeyError: '{name}'", "IndexError: list index out of range",
              f"ValueError: invalid literal for int() with base 10: '{name}'")  # fmt: skip
    return f"python {file}", at, rng.choice(faults)


def _tests(rng: Random, words: Words) -> Answered:
    passed, seconds = rng.randint(1, 400), f"{rng.randint(0, 60)}.{digits(rng, 2)}s"
    return "pytest -q", ["." * rng.randint(3, 30) + " [100%]", f"{passed} passed in {seconds}"], ""


def _echo(rng: Random, words: Words) -> Answered:
    text = " ".join(words.token(rng) for _ in range(rng.randint(1, 4)))
    return f"echo {text}", [text], ""


def _ping(rng: Random, words: Words) -> Answered:
    host, at = words.url(rng).split("//")[-1].split("/")[0], ".".join(str(rng.randint(1, 254)) for _ in range(4))
    rows = [f"64 bytes from {at}: icmp_seq={n} time={rng.randint(1, 90)}.{n} ms" for n in range(1, rng.randint(2, 5))]
    if rng.random() < 0.3:
        return f"ping {host}", [], f"ping: {host}: Name or service not known"
    return f"ping {host}", [f"PING {host} ({at})", *rows], ""


_COMMANDS = (_list, _list, _missing, _unknown, _git, _commit, _install, _python, _python, _tests, _echo, _ping)
