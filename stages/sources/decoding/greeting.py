"""Find out in words what answers where a camera should be."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import SplitResult, urlsplit

PORTS = {"rtsp": 554, "rtsps": 322}
GREETING = "OPTIONS rtsp://{} RTSP/1.0\r\nCSeq: 1\r\n\r\n"


def greet(url: str, patience: float) -> str | None:
    """What is wrong with the host or with what listens there; None where RTSP is spoken.

    FFmpeg has one word, invalid data, for most of it. `patience` is in seconds.
    """
    place = urlsplit(url)
    try:
        port = place.port or PORTS[place.scheme]
    except ValueError:
        return "no port has that number"
    try:
        with socket.create_connection((place.hostname or "", port), patience) as connection:
            return _answer(connection, place)
    except socket.gaierror:
        return "no host of that name is known"
    except TimeoutError:
        return "no connection in time; is the camera on, and in this network?"
    except ssl.SSLError:
        return "what listens there does not speak TLS; try rtsp:// or another port"
    except ConnectionRefusedError:
        return f"nothing listens at port {port}"
    except OSError as error:
        return error.strerror or str(error)


def _answer(connection: socket.socket, place: SplitResult) -> str | None:
    try:
        if place.scheme == "rtsps":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # what is there matters, not who it is
            connection = context.wrap_socket(connection)
        connection.sendall(GREETING.format(place.hostname).encode())
        answer = connection.recv(16)
    except TimeoutError:
        return "it takes the connection and says nothing"
    except (BrokenPipeError, ConnectionResetError):
        answer = b""
    if not answer:
        return "it closes the connection without an answer"
    return None if answer.startswith(b"RTSP/") else "what listens there does not speak RTSP; try another port"
