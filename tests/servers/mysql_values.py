"""A table of every column type with values that exporters are known to lose (MySQL family).

`shop_values(database, product)` gives the statements; they need a session in utf8mb4. Ground truth is the
server's own: compare after a reload by `fingerprint_sql`.
"""

from __future__ import annotations

from itertools import zip_longest

# Characters that formats stumble over, as UTF-8 hex so that no client or literal rule gets in the way.
_TEXTS = [
    "", "NULL", "\\N", "N", "   ", " x ", "a,b", "a;b|c", "tab\there", '"', '""', "'", "it's", "a\nb", "a\rb",
    "a\r\nb", "\n", "back\\slash", "\\", "\\'", "\\\"", "nul\0byte", "ctrl\x1az", "\ufeffbom", "=1+1", "+1", "-1",
    "@SUM(A1)", "ü€中文", "𝒳😀", "e\u0301", "\u202egnp.exe", "\x1b]52;c;AAAA\x07", "[b]x[/b]", "%s %d %%", "$1 ${x}",
    "-- comment", "/* c */", "# x", ";", "DELIMITER ;;", "\x7f\x80\x9f", "x" * 190,
]  # fmt: skip
# Encoded as UTF-8 by hand, this one is accepted by both servers though it is no UTF-8: a lone surrogate.
LONE_SURROGATE_HEX = "EDA080"

_BYTES = [b"", b"\0", b"\xff\xfe\0\x01", b"'\"\\\n\r\0\x1a,;", bytes(range(256)), "ü".encode(), b"   "]


def text(value: str) -> str:
    """A literal of a text, whatever is in it."""
    return f"CONVERT(X'{value.encode().hex()}' USING utf8mb4)" if value else "''"


def binary(value: bytes) -> str:
    return f"X'{value.hex()}'"


_DOUBLES = [
    "0", "1", "-1", "'5e-324'", "'-5e-324'", "1.7976931348623157e308", "-1.7976931348623157e308", "0.1e0",
    "0.30000000000000004e0", "2.2250738585072014e-308", "2.225073858507201e-308", "1e15", "1e16", "1e22",
    "1.2345678901234567e-7", "123456789012345680e0", "9007199254740993e0", "100000e0", "0.0001e0",
]  # fmt: skip
_FLOATS = [
    "0", "1", "-1", "'1.4e-45'", "'-1.4e-45'", "3.4028235e38", "-3.4028235e38", "0.1e0", "16777216e0", "16777217e0",
    "123456.789e0", "1e-38", "1.1754944e-38", "1e7", "1e15", "8388608.5e0", "33554432e0", "0.3e0",
]  # fmt: skip
_DATETIMES = [
    "'0000-00-00 00:00:00'", "'2020-00-15 01:02:03.000001'", "'9999-12-31 23:59:59.999999'",
    "'1000-01-01 00:00:00'", "'0001-01-01 00:00:00'", "'2021-10-31 02:30:00'", "'2020-02-29 12:00:00.5'",
]  # fmt: skip

# Column definition → literals, one row each; NULL where a column has none.
COLUMNS: dict[str, tuple[str, list[str]]] = {
    "c_bool": ("tinyint(1)", ["0", "1", "-128", "127"]),
    "c_tiny": ("tinyint unsigned", ["0", "255"]),
    "c_small": ("smallint", ["-32768", "32767"]),
    "c_medium": ("mediumint", ["-8388608", "8388607"]),
    "c_int": ("int", ["-2147483648", "2147483647"]),
    "c_fill": ("int(8) unsigned zerofill", ["0", "42", "4294967295"]),
    "c_big": ("bigint", ["-9223372036854775808", "9223372036854775807"]),
    "c_ubig": ("bigint unsigned", ["18446744073709551615", "0"]),
    "c_dec": (
        "decimal(65,30)",
        [
            "99999999999999999999999999999999999.999999999999999999999999999999",
            "-99999999999999999999999999999999999.999999999999999999999999999999",
            "0.000000000000000000000000000001", "-0.000000000000000000000000000001", "0", "-1.5",
        ],
    ),
    "c_money": ("decimal(18,4) unsigned zerofill", ["1.5", "0", "99999999999999.9999"]),
    "c_float": ("float", _FLOATS),
    "c_floatmd": ("float(9,3)", ["0", "123456.789", "-0.001", "999999.999"]),
    "c_double": ("double", _DOUBLES),
    "c_doublemd": ("double(20,5)", ["0", "123456789.12345", "-0.00001"]),
    "c_bit1": ("bit(1)", ["b'0'", "b'1'"]),
    "c_bit": ("bit(64)", ["0", "18446744073709551615", "x'27225C0D0A001A2C'", "b'1'"]),
    "c_date": ("date", ["'0000-00-00'", "'2020-00-15'", "'2020-02-00'", "'9999-12-31'", "'0001-01-01'", "'2020-02-29'"]),
    "c_datetime": ("datetime", ["'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'"]),
    "c_datetime6": ("datetime(6)", _DATETIMES),
    "c_time": ("time", ["'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:01'"]),
    "c_time6": ("time(6)", ["'-838:59:58.999999'", "'838:59:58.999999'", "'-00:00:00.000001'", "'12:00:00'"]),
    "c_stamp": ("timestamp NULL DEFAULT NULL", ["'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"]),
    # Summer time ended in Berlin on 2021-10-31 at 01:00 UTC: both these are 02:30 there.
    "c_stamp6": ("timestamp(6) NULL DEFAULT NULL", ["'2021-10-31 00:30:00.000001'", "'2021-10-31 01:30:00.000001'"]),
    "c_year": ("year", ["0", "1901", "2155", "70"]),
    "c_char": ("char(10)", [text("a"), text("ü€"), "''", text("😀")]),
    "c_char0": ("char(0)", ["''"]),
    "c_varchar": ("varchar(200)", [text(t) for t in _TEXTS]),
    "c_bin_collation": ("varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", [text(t) for t in _TEXTS]),
    "c_utf8mb3": ("varchar(50) CHARACTER SET utf8mb3", [text("ü中"), text("a'b")]),
    "c_latin1": ("varchar(50) CHARACTER SET latin1", [text("ü€'"), text("\u0081")]),
    "c_gbk": ("varchar(50) CHARACTER SET gbk", [text("中文'\\"), text("誠")]),
    "c_big5": ("varchar(50) CHARACTER SET big5", [text("功\\'"), text("中")]),
    "c_utf16": ("varchar(50) CHARACTER SET utf16", [text("ü😀")]),
    "c_ucs2": ("varchar(50) CHARACTER SET ucs2", [text("ü中")]),
    "c_utf32": ("varchar(50) CHARACTER SET utf32", [text("ü😀")]),
    "c_binary": ("binary(5)", [binary(b""), binary(b"\0\x01"), binary(b"\xff" * 5)]),
    "c_varbinary": ("varbinary(300)", [binary(b) for b in _BYTES]),
    "c_tinytext": ("tinytext", [text(t) for t in _TEXTS[:6]]),
    "c_text": ("text", [text(t) for t in _TEXTS]),
    "c_mediumtext": ("mediumtext", [f"REPEAT({text('ü,')}, 70000)"]),
    "c_longtext": ("longtext", [text("ü")]),
    "c_tinyblob": ("tinyblob", [binary(b) for b in _BYTES[:4]]),
    "c_blob": ("blob", [binary(b) for b in _BYTES]),
    "c_mediumblob": ("mediumblob", ["REPEAT(X'00FF27', 30000)"]),
    "c_longblob": ("longblob", [binary(b"\0\x1a")]),
    "c_enum": ("enum('a','b,c','','ü','d\"q')", ["'a'", "'b,c'", "''", "'ü'", "'d\"q'"]),
    "c_set": ("set('a','b','ü')", ["''", "'a,b'", "'a,b,ü'"]),
    "c_json": ("json", ["'{\"a\": 12345678901234567890, \"b\": \"q\\\\\"\\\\n\"}'", "'null'", "'[1, 2.5, \"ü\"]'"]),
    "c_geometry": ("geometry", ["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0,1 1,2 2)')"]),
    "c_point": ("point", ["ST_GeomFromText('POINT(-1.5 1e-300)')"]),
    "c_uuid": ("uuid", ["'6ccd780c-baba-1026-9564-5b8c656024db'"]),
    "c_inet6": ("inet6", ["'::1'", "'2001:db8::ff00:42:8329'"]),
    "c_inet4": ("inet4", ["'255.0.0.1'"]),
}  # fmt: skip

_ONLY_MARIADB = {
    "c_utf8mb3",
    "c_latin1",
    "c_gbk",
    "c_big5",
    "c_utf16",
    "c_ucs2",
    "c_utf32",
    "c_uuid",
    "c_inet6",
    "c_inet4",
}


# MariaDB drops the sign of zero from whatever is written into a DOUBLE, and from all but odd literals for a FLOAT:
# what it has can be read, but not loaded.
_NEGATIVE_ZERO = "-0e0"


def columns(product: str) -> dict[str, tuple[str, list[str]]]:
    """The columns that this product (`mariadb`, `oceanbase`) has."""
    if product == "mariadb":
        return COLUMNS
    chosen = {n: c for n, c in COLUMNS.items() if n not in _ONLY_MARIADB}
    for name in ("c_float", "c_double"):
        definition, values = chosen[name]
        chosen[name] = definition, [*values, _NEGATIVE_ZERO]
    return chosen


def shop_values(database: str, product: str, table: str = "hostile") -> list[str]:
    """Statements that make `table` in `database`: key `id`, one column of every type, a row for each value
    of the longest list, the first row all NULL. The names of table and database are used as they are, quoted."""
    chosen = columns(product)
    name = f"`{database}`.`{table}`"
    lines = ["`id` int NOT NULL PRIMARY KEY", *(f"`{n}` {d}" for n, (d, _) in chosen.items())]
    statements = [
        "SET sql_mode = '', time_zone = '+00:00'",
        f"CREATE TABLE {name} ({', '.join(lines)})",
        f"INSERT INTO {name} (id) VALUES (0)",
    ]
    rows = zip_longest(*(values for _, values in chosen.values()), fillvalue="NULL")
    statements += [
        f"INSERT INTO {name} VALUES ({number}, {', '.join(row)})" for number, row in enumerate(rows, start=1)
    ]
    return statements


def fingerprint_sql(database: str, product: str, table: str = "hostile") -> str:
    """A query that gives `id` and, for each column, the value's bytes in hex as the server holds them (numbers
    with a fraction by their sign too, so that -0.0 is seen): equal results mean equal tables."""
    pieces = []
    for name, (definition, _) in columns(product).items():
        if definition in ("float", "double"):
            pieces.append(f"CONCAT(CAST(`{name}` AS DOUBLE), '/', ATAN2(`{name}`, -1))")
        elif definition in ("geometry", "point"):
            pieces.append(f"CONCAT(HEX(ST_AsWKB(`{name}`)), '/', ST_SRID(`{name}`))")
        elif "bit" in definition:
            pieces.append(f"`{name}` + 0")
        else:
            pieces.append(f"HEX(CAST(`{name}` AS BINARY))")
    return f"SELECT id, {', '.join(pieces)} FROM `{database}`.`{table}` ORDER BY id"
