"""Stands in for ``curl`` in the walk's test where curl is not installed: only what docs/walk.md uses.

Understood: -sS (silent, but errors are shown), --fail-with-body (status 22 from HTTP 400 on, the body is
still printed), -H, -d (makes it a POST), and one address.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request


def main(arguments: list[str]) -> int:
    address, body, fail, headers = "", None, False, {}
    rest = iter(arguments)
    for argument in rest:
        match argument:
            case "-sS":
                pass
            case "--fail-with-body":
                fail = True
            case "-H":
                name, _, value = next(rest).partition(":")
                headers[name.strip()] = value.strip()
            case "-d":
                body = next(rest).encode("utf-8", "surrogateescape")
            case _ if argument.startswith("-") or address:
                print(f"curl shim: {argument} is not understood", file=sys.stderr)
                return 2
            case _:
                address = argument
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body, headers)) as answer:
            status, content = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, content = error.code, error.read()
    except urllib.error.URLError as error:
        print(f"curl shim: {error.reason}", file=sys.stderr)
        return 7
    sys.stdout.buffer.write(content)
    return 22 if fail and status >= 400 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
