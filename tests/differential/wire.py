"""Both ends of the differential test: an upstream that keeps what it is sent, and a
client that sends bytes and tells what became of them. Neither knows anything of Weir."""

import re
import socket
import threading
import time

HEAD_END = b"\r\n\r\n"
REQUEST_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e\x80-\xff]+ HTTP/1\.[01]")
FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[^\x00-\x08\x0a-\x1f\x7f])*)")
CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})(?:[ \t]*;[^\x00-\x08\x0a-\x1f]*)?")


class Malformed(Exception):
    """What came is not what RFC 9112 has a sender send."""


def take_request(data):
    """(method, target, body length, rest) of the first request, or None: there is more
    to come. As strict as a recipient can be, so that nothing doubtful passes."""
    end = data.find(HEAD_END)
    if end < 0:
        return None
    lines = data[:end].split(b"\r\n")
    if not REQUEST_LINE.fullmatch(lines[0]):
        raise Malformed("request line %r" % lines[0][:80])
    lengths, codings, hosts = [], [], 0
    for line in lines[1:]:
        field = FIELD.fullmatch(line)
        if not field:
            raise Malformed("field %r" % line[:80])
        name, value = field[1].lower(), field[2].strip()
        lengths += [value] if name == b"content-length" else []
        codings += [value] if name == b"transfer-encoding" else []
        hosts += name == b"host"
    if lengths and codings or len(lengths) > 1 or len(codings) > 1:
        raise Malformed("framing %r %r" % (lengths, codings))
    if hosts != 1:
        raise Malformed("%d hosts" % hosts)
    rest = data[end + 4:]
    method, target = lines[0].split(b" ")[:2]
    if codings:
        if codings[0].lower() != b"chunked":
            raise Malformed("coding %r" % codings)
        body = take_chunks(rest)
        return None if body is None else (method, target, body[0], body[1])
    length = 0
    if lengths:
        if not re.fullmatch(rb"[0-9]{1,15}", lengths[0]):
            raise Malformed("length %r" % lengths)
        length = int(lengths[0])
    return None if len(rest) < length else (method, target, length, rest[length:])


def take_chunks(data):
    """(length, rest) of a chunked body, or None."""
    total = 0
    while True:
        end = data.find(b"\r\n")
        if end < 0:
            return None
        size = CHUNK_SIZE.fullmatch(data[:end])
        if not size:
            raise Malformed("chunk size %r" % data[:end][:40])
        count = int(size[1], 16)
        data = data[end + 2:]
        if count == 0:
            break
        if len(data) < count + 2:
            return None
        if data[count:count + 2] != b"\r\n":
            raise Malformed("end of a chunk %r" % data[count:count + 2])
        data, total = data[count + 2:], total + count
    while True:
        end = data.find(b"\r\n")
        if end < 0:
            return None
        line, data = data[:end], data[end + 2:]
        if not line:
            return total, data
        if not FIELD.fullmatch(line):
            raise Malformed("trailer %r" % line[:80])


class Upstream:
    """Answers every request with 200, and keeps them."""

    REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.take()
        threading.Thread(target=self.accept, daemon=True).start()

    def take(self):
        """What has come since the last call: requests, faults, and the bytes."""
        with self.lock:
            taken = getattr(self, "kept", None)
            self.kept = {"requests": [], "faults": [], "bytes": []}
            return taken

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        data = b""
        try:
            while True:
                taken = take_request(data)
                if taken is None:
                    more = connection.recv(65536)
                    if not more:
                        break
                    data += more
                    if b"\r\nexpect: 100-continue" in data.lower() and data.endswith(HEAD_END):
                        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                    continue
                method, target, length, rest = taken
                with self.lock:
                    self.kept["requests"].append("%s %s %d" % (method.decode("latin1"), target.decode("latin1"), length))
                    self.kept["bytes"].append(data[:len(data) - len(rest)])
                data = rest
                connection.sendall(self.REPLY if method != b"HEAD" else self.REPLY[:-3])
        except Malformed as fault:
            with self.lock:
                self.kept["faults"].append(str(fault))
        except OSError:
            pass
        finally:
            connection.close()


def final_statuses(data):
    """The statuses in what a server sent, interim ones left out. Replies to HEAD are
    told by the next status line."""
    found = []
    while True:
        start = re.search(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r?\n", data)
        if not start:
            return found
        data = data[start.end():]
        if start[1][:1] != b"1" or start[1] == b"101":
            found.append(int(start[1]))
        if start[1] == b"101":
            return found


def exchange(port, data, quiet=1.0, most=6.0):
    """Sends `data`: the statuses that come back, and whether the server closed. It is
    over when nothing has come for `quiet` seconds."""
    received, closed = b"", False
    began = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=most) as connection:
            connection.settimeout(quiet)
            if data:
                sender = threading.Thread(target=send, args=(connection, data), daemon=True)
                sender.start()
            while time.monotonic() - began < most:
                try:
                    more = connection.recv(65536)
                except socket.timeout:
                    break
                if not more:
                    closed = True
                    break
                received += more
    except ConnectionError:
        closed = True
    return final_statuses(received), closed


def send(connection, data):
    try:
        connection.sendall(data)
    except OSError:
        pass
