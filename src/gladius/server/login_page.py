"""The page that asks for the token: one file, no script, in the browser's theme and language. Upstream: login. Downstream: browser."""

from __future__ import annotations

import html

_WORDS = {
    "en": {
        "title": "Sign in",
        "text": "Paste the token, or open the address that <code>gladius up</code> printed.",
        "token": "Token",
        "button": "Sign in",
        "wrong": "This is not the token of this server.",
    },
    "ru": {
        "title": "Вход",
        "text": "Вставьте токен или откройте адрес, который напечатала команда <code>gladius up</code>.",
        "token": "Токен",
        "button": "Войти",
        "wrong": "Это не токен этого сервера.",
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
.error {{ color: var(--bad); margin: 12px 0 0; }}
</style>
</head>
<body>
<main>
<h1>Gladius</h1>
<p>{text}</p>
<form method="post" action="{action}">
<label for="token">{token}</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
{error}
<button type="submit">{button}</button>
</form>
</main>
</body>
</html>
"""


def login_page(action: str, languages: str, wrong: bool) -> str:
    """The page whose form posts to `action`; `languages` as the browser's Accept-Language names them, `wrong` after a refusal."""
    language = _spoken(languages)
    words = _WORDS[language]
    error = f'<p class="error" role="alert">{words["wrong"]}</p>' if wrong else ""
    return _PAGE.format(language=language, action=html.escape(action), error=error, **words)


def _spoken(languages: str) -> str:
    """The first of a browser's languages that the page speaks: browsers name them in the order of preference."""
    wanted = (one.strip()[:2].lower() for one in languages.split(","))
    return next((one for one in wanted if one in _WORDS), "en")
