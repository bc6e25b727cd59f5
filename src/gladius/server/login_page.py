"""The page that asks for the token: one file, no script, in the browser's theme and language. Upstream: login. Downstream: browser."""

from __future__ import annotations

import html
from typing import Literal

Refusal = Literal["token", "password", "used", "wait"]
"""Why somebody is asked again: a wrong token, a wrong name or password, a link that is over, too many tries."""

_WORDS = {
    "en": {
        "title": "Sign in",
        "text": "Paste the token, or open the address that <code>gladius up</code> printed.",
        "named": "With your name and password.",
        "owner": "As the owner, with the token",
        "name": "Name",
        "password": "Password",
        "token": "Token",
        "button": "Sign in",
    },
    "ru": {
        "title": "Вход",
        "text": "Вставьте токен или откройте адрес, который напечатала команда <code>gladius up</code>.",
        "named": "По имени и паролю.",
        "owner": "Как владелец, по токену",
        "name": "Имя",
        "password": "Пароль",
        "token": "Токен",
        "button": "Войти",
    },
}
_REFUSALS: dict[str, dict[Refusal, str]] = {
    "en": {
        "token": "This is not the token of this server.",
        "password": "Name or password is wrong.",
        "used": "This link was used already, or is over. <code>gladius up</code> prints a new one.",
        "wait": "Too many wrong tries. Wait {seconds} s, then try again.",
    },
    "ru": {
        "token": "Это не токен этого сервера.",
        "password": "Неверное имя или пароль.",
        "used": "Эта ссылка уже использована или истекла. Новую напечатает <code>gladius up</code>.",
        "wait": "Слишком много неверных попыток. Подождите {seconds} с и попробуйте снова.",
    },
}

_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Gladius</title>
<style>
:root {{ color-scheme: dark light; --ground: #0c0f14; --panel: #12161d; --line: #354051; --text: #e4e8ef;
  --soft: #a4aebd; --accent: #7aa2ff; --on-accent: #0b1220; --bad: #f4776f; }}
@media (prefers-color-scheme: light) {{ :root {{ --ground: #f3f5f8; --panel: #ffffff; --line: #bcc5d2; --text: #171c25;
  --soft: #4a5565; --accent: #2a5bd7; --on-accent: #ffffff; --bad: #c02f2a; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px; background: var(--ground);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif; }}
main {{ width: 100%; max-width: 400px; background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 32px; }}
h1 {{ margin: 0 0 8px; font-size: 22px; }}
p {{ margin: 0 0 24px; color: var(--soft); }}
label {{ display: block; margin-bottom: 8px; }}
input {{ width: 100%; padding: 10px 12px; font: 14px ui-monospace, monospace; color: inherit; background: var(--ground);
  border: 1px solid var(--line); border-radius: 6px; }}
button {{ width: 100%; margin-top: 16px; padding: 11px; font: inherit; font-weight: 600; color: var(--on-accent);
  background: var(--accent); border: 0; border-radius: 6px; cursor: pointer; }}
input:focus-visible, button:focus-visible {{ outline: 2px solid var(--accent); outline-offset: 2px; }}
code {{ font: 13px ui-monospace, monospace; }}
form + details {{ margin-top: 24px; border-top: 1px solid var(--line); padding-top: 16px; }}
summary {{ color: var(--soft); cursor: pointer; }}
details form {{ margin-top: 16px; }}
label + input + label {{ margin-top: 16px; }}
p.error {{ color: var(--bad); margin: 0 0 16px; }}
</style>
</head>
<body>
<main>
<h1>Gladius</h1>
{error}
{forms}
</main>
</body>
</html>
"""


_TOKEN_FORM = """<form method="post" action="{action}">
<label for="token">{token}</label>
<input id="token" name="token" type="password" autocomplete="off" required{focus}>
<button type="submit">{button}</button>
</form>"""
_NAME_FORM = """<form method="post" action="{action}">
<label for="name">{name}</label>
<input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus>
<label for="password">{password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">{button}</button>
</form>"""


def login_page(action: str, languages: str, by_name: bool, refusal: Refusal | None, seconds: int = 0) -> str:
    """The page whose forms post to `action`; `languages` as the browser's Accept-Language names them.

    `by_name`: this home has users; the owner's form is folded away then.
    """
    language = _spoken(languages)
    words = {**_WORDS[language], "action": html.escape(action)}
    told = _REFUSALS[language][refusal].format(seconds=seconds) if refusal else ""
    error = f'<p class="error" role="alert">{told}</p>' if told else ""
    if by_name:
        owners = _TOKEN_FORM.format(focus="", **words)
        forms = f"<details><summary>{words['owner']}</summary>\n<p>{words['text']}</p>\n{owners}</details>"
        forms = f"<p>{words['named']}</p>\n{_NAME_FORM.format(**words)}\n{forms}"
    else:
        forms = f"<p>{words['text']}</p>\n{_TOKEN_FORM.format(focus=' autofocus', **words)}"
    return _PAGE.format(language=language, title=words["title"], error=error, forms=forms)


def _spoken(languages: str) -> str:
    """The first of a browser's languages that the page speaks: browsers name them in the order of preference."""
    wanted = (one.strip()[:2].lower() for one in languages.split(","))
    return next((one for one in wanted if one in _WORDS), "en")
