"""What an attacker sends. Each text carries the marker by which it is found again."""

from tests.fuzz.crawling import MARKER

TEXTS = [
    f"\"'><script>alert('{MARKER}')</script><{MARKER} a=\"",
    f"' onmouseover='{MARKER}' x='",
    f"javascript:alert('{MARKER}')//",
    f"{MARKER}{{{{ 7777*7777 }}}}{{% debug %}}{{{{ settings.SECRET_KEY }}}}${{7777*7777}}",
    f"{MARKER}'; DROP TABLE sends_send; --",
    f"{MARKER}%' OR '1'='1' UNION SELECT NULL, version() --\\",
    f"{MARKER}\r\nSet-Cookie: {MARKER}=1\r\nX-{MARKER}: 1\r\n\r\n<{MARKER}>",
    f"../../../../etc/passwd\u2215{MARKER}",
    f"https://evil.example/{MARKER}",
    f"//evil.example/{MARKER}",
    f"{MARKER}\u202e\u2066\ufeff\u0000",
    f"{MARKER}\U000e0041\u0301" + "\u0300" * 500,
    f"{MARKER}" + "A" * 100_000,
    "-1",
    "0",
    "9" * 40,
    "9" * 5000,
    "1e309",
    "NaN",
    "٣",
    "2026-02-30T25:61",
    "9999-12-31T23:59:59+23:59",
    "\udcff",
]
# In the place of a part of an address, percent-encoded already.
PATHS = [
    f"%3Cscript%3E{MARKER}",
    f"%0d%0aX-{MARKER}:%201",
    "%ff%fe",
    "..%2f..%2fetc%2fpasswd",
    "9" * 40,
    "-1",
    "%00",
    "%e2%80%ae",
    "a" * 5000,
]
# Bodies that are no form, with what they say that they are.
BODIES = [
    (b"\xff\xfe=\xff", "application/x-www-form-urlencoded"),
    ("a=b".encode("utf-16"), "application/x-www-form-urlencoded; charset=utf-16"),
    (b'{"a": 1}', "application/json"),
    (b"[" * 10_000, "application/json"),
    (b"--x\r\nContent-Disposition: form-data; name=", "multipart/form-data; boundary=x"),
    (b"--x--", "multipart/form-data"),
    (b"<a/>", "text/xml"),
    (b"", "\xff/\xfe"),
    (b"&".join(b"a%d=1" % number for number in range(3000)), "application/x-www-form-urlencoded"),
]
