"""A chat backend built on a provider's official SDK, as its users write one.

    receiver.py line SECRET | telegram SECRET | standard SECRET

Listens on a free port of 127.0.0.1 and prints it. For each request it verifies and parses what came
with the SDK, answers 200 (or 401 if the SDK refuses), and prints one line of JSON with what it saw.
"""

import http.server
import json
import sys


def line(secret):
    from linebot.v3 import WebhookParser
    from linebot.v3.exceptions import InvalidSignatureError

    parser = WebhookParser(secret)

    def receive(headers, body):
        try:
            events = parser.parse(body.decode(), headers["X-Line-Signature"])
        except InvalidSignatureError:
            return None
        return [
            {"type": event.type, "user": event.source.user_id, "text": event.message.text}
            for event in events
        ]

    return receive


def telegram(secret):
    import telegram

    def receive(headers, body):
        # As telegram.ext's own webhook handler does: the header, then Update.de_json.
        if headers["X-Telegram-Bot-Api-Secret-Token"] != secret:
            return None
        update = telegram.Update.de_json(json.loads(body), None)
        return [
            {
                "type": "message",
                "update": update.update_id,
                "chat": update.effective_chat.id,
                "user": update.effective_user.first_name,
                "text": update.effective_message.text,
            }
        ]

    return receive


def standard(secret):
    from standardwebhooks.webhooks import Webhook, WebhookVerificationError

    webhook = Webhook(secret)

    def receive(headers, body):
        try:
            event = webhook.verify(body.decode(), {name.lower(): value for name, value in headers.items()})
        except WebhookVerificationError:
            return None
        return [event]

    return receive


def main():
    kind, secret = sys.argv[1:]
    receive = {"line": line, "telegram": telegram, "standard": standard}[kind](secret)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen = receive(self.headers, body)
            self.send_response(401 if seen is None else 200)
            self.end_headers()
            print(json.dumps({"verified": seen is not None, "events": seen or []}), flush=True)

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
