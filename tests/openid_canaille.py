"""A real OpenID provider (Canaille) as a process on loopback: one user, one client.

``python -m tests.openid_canaille PORT REDIRECT_URI CLIENT_ID SECRET USER PASSWORD``; everything is in memory.
"""

import sys

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey
from werkzeug.serving import run_simple

NAME = "Nguyễn Thị Hạnh"


def main(port: str, redirect_uri: str, client_id: str, secret: str, user_name: str, password: str) -> None:
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
    config = {
        "SECRET_KEY": "only for this process",
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False, "HTMX": False, "SMTP": None},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
    }
    app = create_app(config=config)
    with app.app_context():
        user = models.User(
            user_name=user_name, formatted_name=NAME, family_name=NAME, emails=["hanh@example.test"], password=password
        )
        client = models.Client(
            client_id=client_id,
            client_secret=secret,
            client_name="OCOP",
            client_uri=redirect_uri.partition("/login")[0],
            redirect_uris=[redirect_uri],
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid"],
            token_endpoint_auth_method="client_secret_basic",
        )
        Backend.instance.save(user)
        Backend.instance.save(client)
        client.audience = [client]
        Backend.instance.save(client)
    run_simple("127.0.0.1", int(port), app, threaded=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
