import msgspec
import pytest

from core.errors import InvalidDefinition
from core.model.connection import Connection, TlsSettings
from core.model.convert import definitions_from_toml, definitions_to_toml, export_to_tree
from core.model.secret import CommandSecret, EnvironmentSecret, FileSecret, KeyringSecret
from core.model.settings import (
    CSV_PRESETS,
    CsvSettings,
    Export,
    ExportSettings,
    SchemaSettings,
    SqlSettings,
    SysAccount,
)
from core.model.spelling import nearest
from core.model.trees import changes, to_tree
from core.model.vocabulary import (
    Consistency,
    Content,
    Encoding,
    Format,
    Lock,
    Mode,
    Newline,
    OnError,
    SchemaFlavour,
    Unencodable,
)

EVERYTHING = Export(
    name='odd "name".with [all] of it ü',
    directory="/data/out put",
    settings=ExportSettings(
        connection="shop",
        database="d'b",
        content=Content.SCHEMA,
        objects=("TABLE:orders", "v*", "a\\*b", 'q"uote', "new\nline", "\u202e"),
        exclude=("VIEW:x",),
        format=Format.SQL,
        encoding=Encoding.GB18030,
        on_unencodable=Unencodable.ESCAPE,
        csv=CsvSettings(
            header=False, separator="\t", quote="'", newline=Newline.CR, null="\\N", binary="\\x"
        ),
        sql=SqlSettings(batch_commit=7),
        schema=SchemaSettings(drop=True, merge=True, flavour=SchemaFlavour.MYSQL),
        consistency=Consistency.TASK,
        lock=Lock.BRIEF,
        on_error=OnError.CONTINUE,
        retry_limit=0,
        sys_account=SysAccount(account="root", secret=CommandSecret(command="pass 'x'")),
    ),
)
CONNECTIONS = [
    Connection(name="a", mode=Mode.SQLITE, path="/x y.db"),
    Connection(
        name="b",
        mode=Mode.OCEANBASE,
        host="h",
        port=2881,
        user="u@t#c",
        database="d",
        secret=FileSecret(key="k"),
        tls=TlsSettings(mode="verify-ca", ca="/ca"),
        connect_timeout=3,
        read_timeout=0,
    ),
    Connection(name="c", mode=Mode.MYSQL, unix_socket="/s", user="u", secret=EnvironmentSecret(variable="V")),
    Connection(name="d", mode=Mode.MARIADB, unix_socket="/s", user="u", secret=KeyringSecret(user="d")),
]


def test_every_setting_survives_toml():
    plain = Export(name="plain", directory="/d", settings=ExportSettings(connection="shop", all_objects=True))
    text = definitions_to_toml(CONNECTIONS, [EVERYTHING, plain])
    found = definitions_from_toml(text, "x.toml")
    assert list(found.connections) == CONNECTIONS
    assert list(found.exports) == [EVERYTHING, plain]


@pytest.mark.parametrize("preset", CSV_PRESETS)
def test_presets_survive_toml(preset):
    export = Export(
        name="x",
        directory="/d",
        settings=ExportSettings(connection="c", all_objects=True, csv=CSV_PRESETS[preset]),
    )
    assert definitions_from_toml(definitions_to_toml(exports=[export]), "x").exports == (export,)


def test_toml_leaves_defaults_out():
    plain = Export(
        name="p", directory="/d", settings=ExportSettings(connection="c", objects=("o",), csv=CsvSettings())
    )
    assert definitions_to_toml(exports=[plain]) == (
        '[export.p]\ndirectory = "/d"\nconnection = "c"\nobjects = [\n    "o",\n]\n'
    )


def test_json_form_has_every_setting():
    tree = export_to_tree(EVERYTHING)
    own = {"name", "directory", "schedule", "fixed", "latest"}
    assert set(tree) >= own | set(ExportSettings.__struct_fields__)
    assert set(tree["csv"]) == set(CsvSettings.__struct_fields__)
    assert tree["consistency"] == "task"
    assert tree["sys_account"]["secret"] == {"kind": "command", "command": "pass 'x'"}
    msgspec.json.encode(tree)


GOOD = """
[export.night]
directory = "/x"
connection = "shop"
objects = ["TABLE:o", "v*"]
consistency = "task"
[export.night.csv]
separator = ";"
[export.night.sys_account]
account = "root"
secret = { kind = "command", command = "pass x" }
[connection.c]
mode = "mysql"
host = "h"
port = 1
user = "u"
"""


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("separator", "seperator", "export.night.csv.seperator is no setting", "separator?"),
        ("objects =", "object =", "export.night.object is no setting", "objects?"),
        ("connection = ", "conection = ", "export.night.conection is no setting", "connection?"),
        ('"task"', '"tsk"', "export.night.consistency = 'tsk' is none of task, object, part", "task?"),
        ('"mysql"', '"mysq"', "connection.c.mode = 'mysq' is none of", "mysql?"),
        (
            '"command",',
            '"comand",',
            "secret.kind = 'comand' is none of file, env, command, keyring",
            "command?",
        ),
        ("command = ", "comand = ", "secret.comand is no setting", "command?"),
        ('";"', '";;"', "export.night.csv: CSV separator ';;' is not one character", ""),
        ("port = 1", 'port = "1"', "connection.c.port: expected `int | null`, got `str`", ""),
        ('"v*"]', "3]", "export.night.objects[1]: expected `str`, got `int`", ""),
        ('"root"', '"root@sys"', "sys_account: sys account 'root@sys' must be the bare", "Leave out @sys"),
        ('directory = "/x"', "", "export.night lacks directory", "absolute path"),
        ('directory = "/x"', 'directory = "x"', "is no place for files", ""),
        ("[export.night]", "[exprt.night]", "'exprt' is no kind of definition", "export?"),
        ('user = "u"', 'name = "u"', "connection.c.name is no setting", "table's head"),
        ('"TABLE:o"', '""', "names no object", "pattern"),
        ("[connection.c]", "[connection]", "connection must hold a table for each name", "[connection.NAME]"),
        ('"task"', '"task', "is no TOML", ""),
    ],
)
def test_an_error_names_the_file_the_key_and_the_nearest_right_one(old, new, message, hint):
    assert old in GOOD
    definitions_from_toml(GOOD, "defs.toml")
    with pytest.raises(InvalidDefinition) as caught:
        definitions_from_toml(GOOD.replace(old, new, 1), "defs.toml")
    assert caught.value.message.startswith("defs.toml")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_changes_are_told_by_dotted_key():
    before = export_to_tree(EVERYTHING)
    after = export_to_tree(
        msgspec.structs.replace(
            EVERYTHING,
            settings=msgspec.structs.replace(
                EVERYTHING.settings, csv=CsvSettings(separator=";"), retry_limit=1
            ),
        )
    )
    found = {change.key: (change.before, change.after) for change in changes(before, after)}
    assert found["csv.separator"] == ("\t", ";")
    assert found["retry_limit"] == (0, 1)
    assert "directory" not in found
    assert changes(before, before) == ()


def test_nearest_minds_neither_case_nor_hyphens():
    assert nearest("On-Error", ["on_error", "objects"]) == "on_error"
    assert nearest("zzz", ["on_error"]) is None


def test_replacing_a_field_checks_again():
    with pytest.raises(ValueError, match="one character"):
        msgspec.structs.replace(CsvSettings(), separator="ab")


def test_connection_tree_shows_references_only():
    assert to_tree(CONNECTIONS[1])["secret"] == {"kind": "file", "key": "k"}
