"""What is sent to every server of the differential test: (name, bytes) pairs.

A name begins with its group; groups are what reasons.py speaks of. Where a case can
hide a second request in what some would take for a body, that request is /smuggled.
"""

END = b"\r\n\r\n"
HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n"


def request(*fields, line=b"GET /c HTTP/1.1", host=b"Host: h", body=b"", eol=b"\r\n"):
    """A request with these fields; `host` None leaves it out."""
    lines = [line] + ([host] if host is not None else []) + list(fields)
    return eol.join(lines) + eol + eol + body


def post(*fields, body=b"", **more):
    return request(*fields, line=more.pop("line", b"POST /c HTTP/1.1"), body=body, **more)


def cases():
    """All of them, in the order of the table."""
    for group in (plain, start_lines, targets, hosts, field_lines, line_ends, lengths, transfer_codings,
                  both, chunk_sizes, chunk_data, trailers, pipelining, expectations, upgrades, connections,
                  versions, methods, sizes):
        seen = set()
        for name, data in group():
            full = group.__name__ + "/" + name
            assert full not in seen, full
            seen.add(full)
            yield full, data


def plain():
    yield "get", request()
    yield "post", post(b"Content-Length: 3", body=b"abc")
    yield "chunked", post(b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n")
    yield "head", request(line=b"HEAD /c HTTP/1.1")
    yield "options", request(line=b"OPTIONS /c HTTP/1.1")
    yield "put-empty", request(b"Content-Length: 0", line=b"PUT /c HTTP/1.1")
    yield "delete-body", request(b"Content-Length: 2", line=b"DELETE /c HTTP/1.1", body=b"ab")
    yield "get-body", request(b"Content-Length: 2", body=b"ab") + NEXT
    yield "get-chunked", request(b"Transfer-Encoding: chunked", body=b"2\r\nab\r\n0\r\n\r\n") + NEXT
    yield "blank-line-first", b"\r\n" + request()
    yield "two-blank-lines-first", b"\r\n\r\n" + request()
    yield "bare-lf-first", b"\n" + request()
    yield "nothing", b""
    yield "garbage", b"\x00\x01\x02\x03\r\n\r\n"
    yield "tls-hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 40
    yield "h2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def start_lines():
    for name, line in {
        "two-spaces-before-target": b"GET  /c HTTP/1.1", "two-spaces-before-version": b"GET /c  HTTP/1.1",
        "tab-before-target": b"GET\t/c HTTP/1.1", "tab-before-version": b"GET /c\tHTTP/1.1",
        "space-first": b" GET /c HTTP/1.1", "tab-first": b"\tGET /c HTTP/1.1",
        "space-last": b"GET /c HTTP/1.1 ", "word-last": b"GET /c HTTP/1.1 x",
        "no-version": b"GET /c", "no-target": b"GET HTTP/1.1", "no-target-two-spaces": b"GET  HTTP/1.1",
        "only-method": b"GET", "nul-in-target": b"GET /c\x00d HTTP/1.1", "nul-in-method": b"G\x00T /c HTTP/1.1",
        "cr-in-target": b"GET /c\rd HTTP/1.1", "vertical-tab": b"GET\x0b/c HTTP/1.1",
        "form-feed": b"GET /c\x0cHTTP/1.1", "high-byte-in-target": b"GET /c\xff HTTP/1.1",
        "utf8-in-target": "GET /ä HTTP/1.1".encode(), "del-in-target": b"GET /c\x7f HTTP/1.1",
        "space-in-target": b"GET /c d HTTP/1.1", "quote-in-target": b"GET /\"c\" HTTP/1.1",
        "brackets-in-target": b"GET /<c> HTTP/1.1", "backslash-in-target": b"GET /c\\d HTTP/1.1",
        "pipe-in-target": b"GET /c|d HTTP/1.1", "fragment": b"GET /c#d HTTP/1.1",
        "nbsp-between": b"GET\xa0/c HTTP/1.1",
    }.items():
        yield name, request(line=line)


def targets():
    for name, target in {
        "absolute": b"http://h/c", "absolute-other-host": b"http://other/c", "absolute-no-path": b"http://h",
        "absolute-query-only": b"http://h?q", "absolute-port": b"http://h:80/c", "absolute-user": b"http://u@h/c",
        "absolute-upper": b"HTTP://h/c", "absolute-https": b"https://h/c", "absolute-ftp": b"ftp://h/c",
        "absolute-empty-host": b"http:///c", "absolute-bad-port": b"http://h:x/c",
        "absolute-large-port": b"http://h:99999/c", "absolute-ipv6": b"http://[::1]/c",
        "absolute-one-slash": b"http:/c", "authority": b"h:80", "star": b"*", "star-path": b"*/c",
        "no-slash": b"c", "query-only": b"?q", "double-slash": b"//h/c", "dots": b"/../c",
        "encoded-dots": b"/%2e%2e/c", "encoded-slash": b"/%2fc", "encoded-nul": b"/%00", "bad-escape": b"/%zz",
        "half-escape": b"/%a", "encoded-crlf": b"/c%0d%0aX:%20y", "semicolon": b"/c;a=b",
        "long": b"/" + b"x" * 4000, "too-long": b"/" + b"x" * 9000,
    }.items():
        yield name, request(line=b"GET " + target + b" HTTP/1.1")
    yield "star-options", request(line=b"OPTIONS * HTTP/1.1")
    yield "authority-connect", request(line=b"CONNECT h:80 HTTP/1.1", host=b"Host: h:80")
    yield "path-connect", request(line=b"CONNECT /c HTTP/1.1")
    yield "absolute-no-host", request(line=b"GET http://h/c HTTP/1.1", host=None)
    yield "absolute-no-host-1.0", request(line=b"GET http://h/c HTTP/1.0", host=None)


def hosts():
    yield "missing", request(host=None)
    yield "missing-1.0", request(line=b"GET /c HTTP/1.0", host=None)
    yield "twice-same", request(b"Host: h")
    yield "twice-other", request(b"Host: other")
    yield "twice-1.0", request(b"Host: other", line=b"GET /c HTTP/1.0")
    yield "twice-by-case", request(b"hOsT: other")
    for name, value in {
        "empty": b"", "blank": b" ", "list": b"h, other", "two-words": b"h other", "path": b"h/c", "user": b"u@h",
        "scheme": b"http://h", "port": b"h:80", "empty-port": b"h:", "bad-port": b"h:x", "large-port": b"h:99999",
        "ipv6": b"[::1]", "ipv6-port": b"[::1]:80", "ipv6-open": b"[::1", "nul": b"h\x00", "tab": b"h\tx",
        "underscore": b"a_b", "high-byte": b"h\xff", "quote": b"\"h\"", "dot": b".", "comma": b"a,b", "hash": b"h#x",
        "question": b"h?x", "backslash": b"h\\x", "percent": b"h%41",
    }.items():
        yield name, request(host=b"Host: " + value)
    yield "space-before-colon", request(host=b"Host : h")
    yield "no-space", request(host=b"Host:h")
    yield "folded", request(host=b"Host:\r\n h")


def field_lines():
    for name, line in {
        "space-before-colon": b"X : y", "tab-before-colon": b"X\t: y", "space-in-name": b"X Y: z",
        "no-colon": b"XY", "empty-name": b": y", "empty-value": b"X:", "no-space": b"X:y",
        "tab-after-colon": b"X:\ty", "many-blanks": b"X:   y   ", "colon-in-name": b"X:Y: z", "nul-in-name": b"X\x00: y",
        "nul-in-value": b"X: y\x00z", "cr-in-value": b"X: y\rz", "high-byte-in-name": b"X\xff: y",
        "high-byte-in-value": b"X: \xff", "bell-in-value": b"X: y\x07z", "del-in-value": b"X: y\x7fz",
        "vertical-tab-in-value": b"X: y\x0bz", "parens-in-name": b"X(y): z", "slash-in-name": b"X/y: z",
        "quote-in-name": b"\"X\": y", "underscore-in-name": b"X_y: z", "dot-in-name": b"X.y: z", "at-in-name": b"X@y: z",
        "brackets-in-name": b"X[0]: y", "form-feed-after-colon": b"X:\x0cy",
        "fold": b"X: y\r\n z", "fold-tab": b"X: y\r\n\tz", "fold-blank-line": b"X: y\r\n \r\nZ: w",
        "fold-empty-first": b"X:\r\n z",
    }.items():
        yield name, request(line)
    yield "fold-before-first", b"GET /c HTTP/1.1\r\n Host: h\r\n\r\n"
    yield "fold-of-length", post(b"Content-Length:\r\n 3", body=b"abc")
    yield "fold-of-te", post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n")
    yield "fold-hides-te", post(b"X: y\r\n Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n")


def line_ends():
    yield "lf-everywhere", request(eol=b"\n")
    yield "lf-after-start-line", b"GET /c HTTP/1.1\nHost: h\r\n\r\n"
    yield "lf-after-field", b"GET /c HTTP/1.1\r\nHost: h\n\r\n"
    yield "lf-at-end", b"GET /c HTTP/1.1\r\nHost: h\r\n\n"
    yield "cr-everywhere", request(eol=b"\r")
    yield "cr-after-start-line", b"GET /c HTTP/1.1\rHost: h\r\n\r\n"
    yield "cr-after-field", b"GET /c HTTP/1.1\r\nHost: h\rX: y\r\n\r\n"
    yield "crcrlf", b"GET /c HTTP/1.1\r\r\nHost: h\r\n\r\n"
    yield "crcrlf-field", b"GET /c HTTP/1.1\r\nHost: h\r\r\n\r\n"
    yield "lf-hides-field", b"GET /c HTTP/1.1\r\nHost: h\r\nX: y\nContent-Length: 35\r\n\r\n" + HIDDEN
    yield "cr-hides-field", b"POST /c HTTP/1.1\r\nHost: h\r\nX: y\rContent-Length: 35\r\n\r\n" + HIDDEN
    yield "lf-hides-te", (b"POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n"
                          b"0\r\n\r\n" + NEXT)
    yield "end-cr-only", b"GET /c HTTP/1.1\r\nHost: h\r\n\r" + NEXT
    yield "nul-line", b"GET /c HTTP/1.1\r\nHost: h\r\n\x00\r\n\r\n"


LENGTHS = {
    "plus": b"+3", "minus": b"-3", "minus-zero": b"-0", "hex": b"0x3", "hex-word": b"a", "decimal": b"3.0",
    "exponent": b"3e0", "leading-zero": b"03", "leading-zeros": b"00000000003", "space-within": b"3 3",
    "list-same": b"3, 3", "list-other": b"3, 4", "list-empty-first": b", 3", "list-empty-last": b"3,",
    "semicolon": b"3;", "quoted": b"\"3\"", "empty": b"", "blank": b"   ", "word": b"three",
    "too-large": b"99999999999999999999", "wraps-64": b"18446744073709551619", "wraps-32": b"4294967299",
    "signed-max": b"9223372036854775808", "tab-before": b"\t3", "tab-after": b"3\t", "nul-after": b"3\x00",
    "vertical-tab-before": b"\x0b3", "nbsp-before": b"\xa03", "underscore": b"1_0", "fullwidth": "３".encode(),
}


def lengths():
    for name, value in LENGTHS.items():
        yield name, post(b"Content-Length: " + value, body=b"abc") + NEXT
    yield "twice-same", post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc") + NEXT
    yield "twice-other", post(b"Content-Length: 0", b"Content-Length: 35", body=HIDDEN)
    yield "twice-by-case", post(b"Content-Length: 0", b"content-length: 35", body=HIDDEN)
    yield "space-before-colon", post(b"Content-Length : 36", body=HIDDEN)
    yield "tab-before-colon", post(b"Content-Length\t: 36", body=HIDDEN)
    yield "underscore-name", post(b"Content_Length: 35", body=HIDDEN)
    yield "after-other-space", post(b" Content-Length: 35", body=HIDDEN)
    yield "short", post(b"Content-Length: 10", body=b"abc")
    yield "long", post(b"Content-Length: 1", body=b"abc")
    yield "zero-and-body", post(b"Content-Length: 0", body=HIDDEN)
    yield "none-and-body", post(body=HIDDEN)
    yield "on-1.0", post(b"Content-Length: 3", line=b"POST /c HTTP/1.0", body=b"abc")
    yield "none-on-1.0", post(line=b"POST /c HTTP/1.0", body=b"abc")
    yield "named-by-connection", post(b"Content-Length: 35", b"Connection: content-length", body=HIDDEN)
    yield "get-hidden", request(b"Content-Length: 35", body=HIDDEN)


CODINGS = {
    "upper": b"CHUNKED", "mixed": b"Chunked", "space-after": b"chunked ", "tab-before": b"\tchunked",
    "vertical-tab-before": b"\x0bchunked", "vertical-tab-after": b"chunked\x0b", "nul-after": b"chunked\x00",
    "quoted": b"\"chunked\"", "quoted-single": b"'chunked'", "parameter": b"chunked;q=1", "parameter-empty": b"chunked;",
    "prefix": b"xchunked", "suffix": b"chunkedx", "list-twice": b"chunked, chunked", "identity": b"identity",
    "identity-chunked": b"identity, chunked", "chunked-identity": b"chunked, identity", "gzip": b"gzip",
    "gzip-chunked": b"gzip, chunked", "chunked-gzip": b"chunked, gzip", "deflate-chunked": b"deflate, chunked",
    "unknown": b"cow", "unknown-chunked": b"cow, chunked", "empty": b"", "comma": b",", "comma-chunked": b", chunked",
    "chunked-comma": b"chunked,", "two-words": b"chunked cow", "backslash": b"ch\\unked", "high-byte": b"chunked\xff",
    "nbsp": b"\xa0chunked", "colon": b":chunked", "equals": b"=chunked", "trailers": b"trailers", "k-sign": "chunKed".encode(),
}


def transfer_codings():
    body = b"0\r\n\r\n"
    for name, value in CODINGS.items():
        yield name, post(b"Transfer-Encoding: " + value, body=body) + NEXT
    yield "twice", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=body) + NEXT
    yield "twice-identity-last", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=body) + NEXT
    yield "twice-identity-first", post(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked", body=body) + NEXT
    yield "twice-unknown-last", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: cow", body=body) + NEXT
    yield "no-space", post(b"Transfer-Encoding:chunked", body=body) + NEXT
    yield "space-before-colon", post(b"Transfer-Encoding : chunked", body=body) + NEXT
    yield "tab-before-colon", post(b"Transfer-Encoding\t: chunked", body=body) + NEXT
    yield "space-first", post(b" Transfer-Encoding: chunked", body=body) + NEXT
    yield "underscore-name", post(b"Transfer_Encoding: chunked", body=body) + NEXT
    yield "name-upper", post(b"TRANSFER-ENCODING: chunked", body=body) + NEXT
    yield "on-1.0", post(b"Transfer-Encoding: chunked", line=b"POST /c HTTP/1.0", body=body)
    yield "on-1.0-keep-alive", post(b"Transfer-Encoding: chunked", b"Connection: keep-alive",
                                    line=b"POST /c HTTP/1.0", body=body) + NEXT
    yield "named-by-connection", post(b"Transfer-Encoding: chunked", b"Connection: transfer-encoding", body=body) + NEXT
    yield "get", request(b"Transfer-Encoding: chunked", body=body) + NEXT
    yield "te-field", request(b"TE: chunked")
    yield "te-trailers", request(b"TE: trailers", b"Connection: TE")


def both():
    hidden = b"0\r\n\r\n" + HIDDEN
    length = b"Content-Length: %d" % len(hidden)
    yield "cl-te", post(length, b"Transfer-Encoding: chunked", body=hidden)
    yield "te-cl", post(b"Transfer-Encoding: chunked", length, body=hidden)
    yield "cl-short-te", post(b"Content-Length: 3", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n") + NEXT
    yield "cl-zero-te", post(b"Content-Length: 0", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n") + NEXT
    for name, value in CODINGS.items():
        if name in ("upper", "mixed", "k-sign"):
            continue
        yield "cl-te-" + name, post(length, b"Transfer-Encoding: " + value, body=hidden)
    for name in ("plus", "list-same", "empty", "word", "leading-zero", "hex"):
        yield "te-cl-" + name, post(b"Transfer-Encoding: chunked", b"Content-Length: " + LENGTHS[name], body=hidden)
    yield "te-space-before-colon", post(length, b"Transfer-Encoding : chunked", body=hidden)
    yield "te-underscore", post(length, b"Transfer_Encoding: chunked", body=hidden)
    yield "te-folded", post(length, b"Transfer-Encoding:\r\n chunked", body=hidden)
    yield "te-named-by-connection", post(length, b"Transfer-Encoding: chunked", b"Connection: transfer-encoding",
                                         body=hidden)
    yield "on-1.0", post(length, b"Transfer-Encoding: chunked", line=b"POST /c HTTP/1.0", body=hidden)
    yield "get", request(length, b"Transfer-Encoding: chunked", body=hidden)


def chunked(body):
    return post(b"Transfer-Encoding: chunked", body=body) + NEXT


def chunk_sizes():
    for name, size in {
        "upper-hex": b"A", "lower-hex": b"a", "leading-zero": b"0a", "many-zeros": b"0" * 40 + b"a", "plus": b"+a",
        "minus": b"-a", "prefix": b"0xa", "empty": b"", "space-before": b" a", "space-after": b"a ", "tab-after": b"a\t",
        "nul-after": b"a\x00", "underscore": b"0_a", "wraps-64": b"1000000000000000a", "too-many-digits": b"f" * 16,
        "word": b"g", "decimal-point": b"a.0", "comma": b"a,a", "quote": b"\"a\"", "vertical-tab": b"\x0ba",
        "extension": b"a;x", "extension-value": b"a;x=y", "extension-quoted": b"a;x=\"y z\"",
        "extension-space-before": b"a ;x", "extension-space-after": b"a; x=y", "extension-empty": b"a;",
        "extension-two": b"a;x;y=z", "extension-quoted-crlf": b"a;x=\"\r\n\"", "extension-open-quote": b"a;x=\"y",
        "extension-nul": b"a;x\x00", "extension-cr": b"a;x\ry", "extension-high-byte": b"a;\xff",
        "extension-long": b"a;" + b"x" * 2000, "extension-too-long": b"a;" + b"x" * 40000,
    }.items():
        yield name, chunked(size + b"\r\n0123456789\r\n0\r\n\r\n")


def chunk_data():
    yield "lf-after-size", chunked(b"3\nabc\r\n0\r\n\r\n")
    yield "lf-after-data", chunked(b"3\r\nabc\n0\r\n\r\n")
    yield "lf-after-last-size", chunked(b"3\r\nabc\r\n0\n\r\n")
    yield "lf-at-end", chunked(b"3\r\nabc\r\n0\r\n\n")
    yield "cr-after-size", chunked(b"3\rabc\r\n0\r\n\r\n")
    yield "lf-in-extension", chunked(b"3;x\nabc\r\n0\r\n\r\n")
    yield "data-too-long", chunked(b"2\r\nabc\r\n0\r\n\r\n")
    yield "data-too-short", chunked(b"4\r\nabc\r\n0\r\n\r\n")
    yield "no-crlf-after-data", chunked(b"3\r\nabc0\r\n\r\n")
    yield "xx-after-data", chunked(b"3\r\nabcXX0\r\n\r\n")
    yield "two-crlf-after-data", chunked(b"3\r\nabc\r\n\r\n0\r\n\r\n")
    yield "no-last-chunk", post(b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n")
    yield "last-without-end", post(b"Transfer-Encoding: chunked", body=b"0\r\n")
    yield "zeros-last", chunked(b"3\r\nabc\r\n000\r\n\r\n")
    yield "last-with-extension", chunked(b"3\r\nabc\r\n0;x=y\r\n\r\n")
    yield "last-with-space", chunked(b"3\r\nabc\r\n0 \r\n\r\n")
    yield "many-small", chunked(b"1\r\na\r\n" * 50 + b"0\r\n\r\n")
    yield "hidden-in-data", chunked(b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n")
    yield "hidden-after-lf-size", chunked(b"2;\nxx\r\n%x\r\n0\r\n\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n")


def trailers():
    for name, text in {
        "one": b"X: y\r\n", "two": b"X: y\r\nZ: w\r\n", "length": b"Content-Length: 35\r\n",
        "te": b"Transfer-Encoding: chunked\r\n", "host": b"Host: other\r\n", "connection": b"Connection: close\r\n",
        "space-before-colon": b"X : y\r\n", "no-colon": b"X\r\n", "folded": b"X: y\r\n z\r\n", "nul": b"X: \x00\r\n",
        "lf": b"X: y\n", "cr": b"X: y\rZ: w\r\n", "empty-name": b": y\r\n", "authorization": b"Authorization: x\r\n",
        "many": b"".join(b"X%d: y\r\n" % i for i in range(200)), "long": b"X: " + b"y" * 40000 + b"\r\n",
    }.items():
        yield name, chunked(b"3\r\nabc\r\n0\r\n" + text + b"\r\n")
    yield "announced", post(b"Transfer-Encoding: chunked", b"Trailer: X", body=b"0\r\nX: y\r\n\r\n") + NEXT


def pipelining():
    yield "two", request() + NEXT
    yield "five", NEXT * 5
    yield "post-then-get", post(b"Content-Length: 3", body=b"abc") + NEXT
    yield "chunked-then-get", chunked(b"3\r\nabc\r\n0\r\n\r\n")
    yield "blank-between", request() + b"\r\n" + NEXT
    yield "many-blanks-between", request() + b"\r\n" * 5 + NEXT
    yield "lf-between", request() + b"\n" + NEXT
    yield "garbage-between", request() + b"garbage\r\n\r\n" + NEXT
    yield "bad-second", request() + b"GET /bad HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n" + NEXT
    yield "close-then-get", request(b"Connection: close") + NEXT
    yield "1.0-then-get", request(line=b"GET /c HTTP/1.0") + NEXT
    yield "1.0-keep-alive-then-get", request(b"Connection: keep-alive", line=b"GET /c HTTP/1.0") + NEXT
    yield "head-then-get", request(line=b"HEAD /c HTTP/1.1") + NEXT
    yield "half-second", request() + b"GET /half HTTP/1.1\r\nHo"


def expectations():
    yield "continue", post(b"Expect: 100-continue", b"Content-Length: 3", body=b"abc") + NEXT
    yield "continue-upper", post(b"Expect: 100-CONTINUE", b"Content-Length: 3", body=b"abc") + NEXT
    yield "continue-no-body", request(b"Expect: 100-continue") + NEXT
    yield "continue-1.0", post(b"Expect: 100-continue", b"Content-Length: 3", line=b"POST /c HTTP/1.0", body=b"abc")
    yield "continue-chunked", post(b"Expect: 100-continue", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n") + NEXT
    yield "continue-withheld", post(b"Expect: 100-continue", b"Content-Length: 3")
    yield "unknown", post(b"Expect: a-miracle", b"Content-Length: 3", body=b"abc") + NEXT
    yield "list", post(b"Expect: 100-continue, x", b"Content-Length: 3", body=b"abc") + NEXT
    yield "empty", post(b"Expect: ", b"Content-Length: 3", body=b"abc") + NEXT
    yield "obfuscated", post(b"Expect: y 100-continue", b"Content-Length: 35", body=HIDDEN)


def upgrades():
    websocket = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    yield "websocket", request(*websocket)
    yield "websocket-then-get", request(*websocket) + NEXT
    yield "websocket-bad-version", request(websocket[0], websocket[1], b"Sec-WebSocket-Version: 777", websocket[3]) + NEXT
    yield "websocket-post", post(*websocket, b"Content-Length: 0") + NEXT
    yield "h2c", request(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk") + NEXT
    yield "h2c-without-connection", request(b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk") + NEXT
    yield "tls", request(b"Connection: Upgrade", b"Upgrade: TLS/1.0") + NEXT
    yield "unknown", request(b"Connection: Upgrade", b"Upgrade: foo") + NEXT
    yield "body", post(b"Connection: Upgrade", b"Upgrade: foo", b"Content-Length: 3", body=b"abc") + NEXT


def connections():
    for name, value in {"close": b"close", "keep-alive": b"keep-alive", "both": b"close, keep-alive", "upper": b"CLOSE",
                        "unknown": b"x-y", "empty": b"", "names-host": b"Host", "names-cookie": b"Cookie",
                        "names-via": b"Via, X-Forwarded-For", "bad-token": b"a b", "quoted": b"\"close\""}.items():
        yield name, request(b"Connection: " + value, b"Cookie: a=b") + NEXT
    yield "twice", request(b"Connection: keep-alive", b"Connection: close") + NEXT
    yield "proxy-connection", request(b"Proxy-Connection: close") + NEXT
    yield "keep-alive-field", request(b"Keep-Alive: timeout=1") + NEXT


def versions():
    for name, version in {"0.9": b"HTTP/0.9", "1.0": b"HTTP/1.0", "1.2": b"HTTP/1.2", "1.9": b"HTTP/1.9", "2.0": b"HTTP/2.0",
                          "3.0": b"HTTP/3.0", "lower": b"http/1.1", "mixed": b"Http/1.1", "no-minor": b"HTTP/1",
                          "empty-minor": b"HTTP/1.", "two-digits": b"HTTP/1.10", "leading-zero": b"HTTP/01.1",
                          "minor-zero-first": b"HTTP/1.01", "comma": b"HTTP/1,1", "no-slash": b"HTTP1.1", "space": b"HTTP /1.1",
                          "other": b"ICY/1.1", "trailing": b"HTTP/1.1x", "huge": b"HTTP/1.4294967297",
                          "negative": b"HTTP/1.-1", "rtsp": b"RTSP/1.0"}.items():
        yield name, request(line=b"GET /c " + version)
    yield "none", b"GET /c\r\n\r\n"
    yield "none-lf", b"GET /c\n"


def methods():
    for name in (b"PATCH", b"TRACE", b"PROPFIND", b"get", b"Get", b"FOO", b"M-SEARCH", b"GET,", b"GE(T", b"GET:", b"G@T",
                 b"X" * 40, b"SOURCE", b"PRI", b"QUERY"):
        yield name.decode()[:12], request(line=name + b" /c HTTP/1.1")
    yield "high-byte", request(line=b"G\xc9T /c HTTP/1.1")
    yield "empty", request(line=b" /c HTTP/1.1")
    yield "trace-body", request(b"Content-Length: 3", line=b"TRACE /c HTTP/1.1", body=b"abc")


def sizes():
    yield "many-fields", request(*[b"X-%d: y" % i for i in range(90)])
    yield "too-many-fields", request(*[b"X-%d: y" % i for i in range(2000)])
    yield "long-field", request(b"X: " + b"y" * 7000)
    yield "too-long-field", request(b"X: " + b"y" * 70000)
    yield "long-name", request(b"X" * 7000 + b": y")
    yield "body-too-large", post(b"Content-Length: 9000000000")
