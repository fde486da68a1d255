"""Why servers differ: each reason names the cases, the peers and the verdicts that it
explains (see scripts/diff-http), and nothing more."""

import re

# Verdicts: of each reply a letter, A for accepted and R for refused; x is closed without
# a word, - is left waiting.
REASONS = [
    # The start line.
    dict(id="one-blank", cases=r"start_lines/(two-spaces-.*|tab-before-.*|space-last)", ours="R", theirs="A",
         why="the parts of a request line are divided by one blank each and nothing follows the version; nginx and "
             "HAProxy take several, or a tab"),
    dict(id="no-http-0.9", cases=r"start_lines/no-version|versions/none(-lf)?", peers=("nginx",), ours="R", theirs="x",
         why="HTTP/0.9 is not spoken; nginx answers it, without a status line"),
    dict(id="target-characters", cases=r"start_lines/(high-byte-in-target|utf8-in-target|fragment)", ours="R", theirs="A",
         why="a target has the characters of RFC 3986 for a path and a query; a fragment is never sent"),
    dict(id="version", cases=r"versions/(1\.2|1\.9|2\.0|3\.0)", ours="R", theirs="A",
         why="versions other than 1.0 and 1.1 get 505; others read them as 1.1"),
    dict(id="version-digits", cases=r"versions/(two-digits|minor-zero-first)", peers=("nginx",), ours="R", theirs="A",
         why="a version is a digit, a dot and a digit; nginx takes more digits"),
    dict(id="method", cases=r"methods/(get|Get|FOO|X+|SOURCE|QUERY)|targets/.*-connect", ours="R", theirs="A",
         why="a method that is not known gets 501, CONNECT with it: what a gateway does not know it cannot say to be "
             "safe to repeat or to have no body"),
    dict(id="trace", cases=r"methods/(TRACE|trace-body)", peers=("nginx",), ours="A", theirs="R",
         why="TRACE is the upstream's to refuse; nginx refuses it itself"),
    dict(id="http2-preface", cases=r"plain/h2-preface|methods/PRI", ours="[-x]", theirs="[AR]",
         why="PRI begins the preface of HTTP/2, which is spoken on the same port; others here speak HTTP/1 only"),
    dict(id="first-bytes", cases=r"plain/tls-hello|line_ends/cr-everywhere", peers=("go",), ours="R", theirs="-",
         why="refused with the first byte that no request can have; Go waits for the end of the line"),
    dict(id="limits", cases=r"targets/too-long|sizes/too-(many-fields|long-field)|trailers/(many|long)|"
                            r"lengths/wraps-32|sizes/body-too-large|chunk_sizes/too-many-digits",
         ours="R", theirs="A+|-|AR",
         why="limits differ: a target of 8 KiB, 32 KiB and 100 fields of headers, as much again of trailers, a "
             "declared body of 1 GiB (413 before it is sent)"),
    # Targets and hosts.
    dict(id="target-form", cases=r"targets/(absolute-(user|ftp|empty-host|one-slash)|authority|star)", ours="R", theirs="A",
         why="a target is a path, or http:// or https:// with a host and without a user; * is of OPTIONS alone"),
    dict(id="target-host", cases=r"targets/absolute-(other-host|query-only|large-port|ipv6)", kinds=("proxy",),
         peers=("haproxy",), ours="A", theirs="R",
         why="a target in absolute form is what counts, whatever Host says (RFC 9112, 3.2.2); HAProxy wants the two to "
             "be the same"),
    dict(id="demo-query", cases=r"targets/absolute-query-only", kinds=("server",), ours="R", theirs="A",
         why="the embedded demo refuses a query that it does not know"),
    dict(id="star-path", cases=r"targets/star-path", peers=("haproxy",), ours="R", theirs="A",
         why="a path begins with a slash"),
    dict(id="path-as-it-came", cases=r"targets/(dots|encoded-dots|encoded-nul|bad-escape|half-escape)",
         peers=("nginx", "go"), ours="A", theirs="R",
         why="a path is matched and passed on as it came, so that the upstream sees what was checked; nginx and Go "
             "decode it, and refuse what they cannot"),
    dict(id="options", cases=r"targets/star-options", peers=("nginx",), ours="A", theirs="R",
         why="OPTIONS * is answered, or passed on; nginx refuses it"),
    dict(id="host-missing-1.0", cases=r"hosts/missing-1\.0|targets/absolute-no-host-1\.0", kinds=("proxy",),
         peers=("nginx", "haproxy"), ours="A", theirs="R",
         why="what is forwarded has a Host in any case; nginx and HAProxy forward none, which the test's upstream refuses"),
    dict(id="host-syntax", cases=r"hosts/(twice-same|list|two-words|path|user|scheme|bad-port|ipv6-open|tab|high-byte|"
                                 r"quote|hash|question|backslash)", ours="R", theirs="A",
         why="Host is one host with or without a port, as RFC 3986 has it: what is routed by must mean the same to all"),
    dict(id="host-empty", cases=r"hosts/(empty|blank|dot)", peers=("nginx",), ours="A", theirs="R",
         why="an empty Host is allowed (RFC 9112, 3.2), and a dot is a name; nginx refuses both"),
    # Lines and fields.
    dict(id="blank-lines", cases=r"plain/(two-)?blank-lines?-first|pipelining/(many-)?blanks?-between", peers=("go",),
         ours="A+", theirs="A*R",
         why="an empty line before a request is passed over (RFC 9112, 2.2); Go refuses it"),
    dict(id="crlf", cases=r"plain/bare-lf-first|pipelining/lf-between|line_ends/lf-.*|chunk_data/lf-.*|trailers/lf",
         ours="A?R", theirs="A+R?",
         why="a line ends in CR LF: where some take LF alone, two may see two requests in the same bytes"),
    dict(id="folding", cases=r"field_lines/fold.*|hosts/folded|both/te-folded|trailers/folded", ours="R", theirs="A+",
         why="a field is one line (RFC 9112, 5.2 has a server refuse others)"),
    dict(id="field-ignored", cases=r"field_lines/(no-colon|.*-in-name|.*-in-value|form-feed-after-colon)|"
                                   r"line_ends/crcrlf-field", peers=("nginx",), ours="R", theirs="A",
         why="a name is a token and a value has no control characters; nginx passes such fields over, or on"),
    dict(id="field-name-empty", cases=r"field_lines/empty-name", peers=("go",), ours="R", theirs="A",
         why="a field has a name"),
    dict(id="name-length", cases=r"sizes/long-name", peers=("haproxy",), ours="A", theirs="R",
         why="a name is as long as the head allows; HAProxy's are shorter"),
    # Where a body ends.
    dict(id="both-framings", cases=r"both/.*", ours="R", theirs="A+",
         why="Content-Length beside Transfer-Encoding is refused, though RFC 9112 allows the latter to count: it is how "
             "requests are smuggled"),
    dict(id="length-digits", cases=r"lengths/(list-same|empty|blank|tab-after|twice-same)", ours="R", theirs="A+",
         why="a length is digits, once; others take the same twice, or nothing for 0"),
    dict(id="length-wraps", cases=r"lengths/wraps-64", peers=("haproxy",), ours="R", theirs="RA",
         why="a length of more than 64 bits is refused; HAProxy passes on what the test's upstream refuses"),
    dict(id="length-after-fold", cases=r"lengths/after-other-space|transfer_codings/space-first", peers=("haproxy",),
         ours="R", theirs="A[AR]", why="a line that begins with a blank continues the one before, and is refused; HAProxy "
                                       "joins the two"),
    dict(id="tab-before-value", cases=r"(lengths|transfer_codings)/tab-before", peers=("nginx",), ours="AA", theirs="R",
         why="a value may have a tab before it (RFC 9110, 5.5); nginx takes blanks alone"),
    dict(id="coding-list", cases=r"transfer_codings/chunked-comma", peers=("haproxy",), ours="R", theirs="RA",
         why="a list of codings has no empty members; HAProxy passes on what the test's upstream refuses"),
    dict(id="coding-on-1.0", cases=r"transfer_codings/on-1\.0.*", ours="R", theirs="AR?",
         why="HTTP/1.0 has no chunks: one that speaks of them was rewritten by something that does not know them"),
    dict(id="chunk-size", cases=r"chunk_sizes/(space-after|tab-after|extension-.*)|chunk_data/last-with-space",
         kinds=("proxy",), ours="R", theirs="A+",
         why="behind a chunk's size is the line's end, or an extension that is well-formed and short: no blanks, no "
             "control characters, no open quotes"),
    dict(id="chunk-zeros", cases=r"chunk_sizes/many-zeros", peers=("go",), ours="AA", theirs="R",
         why="a size may begin with zeros; Go takes 16 digits"),
    dict(id="chunk-length", cases=r"chunk_data/data-too-short", kinds=("proxy",), peers=("nginx", "haproxy"), ours="R",
         theirs="A+", why="behind a chunk's data is the line's end; nginx and HAProxy have answered by then"),
    dict(id="trailers", cases=r"trailers/(length|te|host|space-before-colon|no-colon|nul|cr|empty-name)",
         kinds=("proxy",), ours="R", theirs="A+|RA",
         why="trailers are fields as all others, and none that frame or route a message; others drop or pass them on, "
             "some unread"),
    dict(id="demo-answers-at-once",
         cases=r"(chunk_sizes|chunk_data|trailers)/.*|expectations/continue.*|lengths/(short|long)", kinds=("server",),
         ours="A", theirs="A*R?|-",
         why="the embedded demo answers from the head alone; what is not read of the body ends the connection, "
             "whatever is wrong with it"),
    dict(id="half-a-method", cases=r"lengths/long", kinds=("proxy",), peers=("nginx",), ours="A", theirs="AR",
         why="two letters may become a method yet; nginx refuses small ones at once"),
    # What a request asks of the connection.
    dict(id="expectation", cases=r"expectations/(unknown|list|empty|obfuscated)", ours="R", theirs="A+",
         why="an expectation that is not 100-continue gets 417 (RFC 9110, 10.1.1)"),
    dict(id="connection-quoted", cases=r"connections/quoted", peers=("nginx",), ours="AA", theirs="A",
         why="a quoted text is no option of Connection; nginx looks for the word"),
    dict(id="proxy-connection", cases=r"connections/proxy-connection", ours="A", theirs="AA",
         why="Proxy-Connection: close ends the connection, as whoever sends it means; others do not look at it"),
]


def find(name, kind, peer, ours, theirs):
    """The first that fits; None: nothing explains it."""
    for reason in REASONS:
        if (re.fullmatch(reason["cases"], name) and kind in reason.get("kinds", ("server", "proxy"))
                and peer in reason.get("peers", ("nginx", "haproxy", "go"))
                and re.fullmatch(reason["ours"], ours) and re.fullmatch(reason["theirs"], theirs)):
            return reason
    return None
