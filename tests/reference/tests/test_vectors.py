"""Vector files: the files made here agree, and a change of any value is detected."""

import copy
import unittest

from plexus_reference import sample, vectors

# After a change of these inputs, a refusal or the name of a case may still be correct.
FREE = {
    ("key.json", "verify"),
    ("network.json", "refused"),
    ("target.json", "refused"),
    ("message.json", "refused"),
    ("block.json", "refused"),
    ("proof.json", "refused"),
    ("receipt.json", "refused"),
    ("receipt.json", "form"),
}

# Only the number of points depends on the first input, and it is rounded up. Only a work that has a
# maximum depends on the second.
COARSE = {("proof.json", "points", "tip_bits"), ("message.json", "least_stamp", "limit_bits")}

# Bits are so coarse that another value of these inputs often has the same result.
ROUNDED = {("target.json", "compact"), ("target.json", "next")}


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.documents = sample.documents()

    def test_all_files_of_the_specification_are_made_and_agree(self):
        self.assertEqual(sorted(self.documents), vectors.FILES)
        for name, document in self.documents.items():
            with self.subTest(name):
                compared, wrong = vectors.check_document(name, document)
                self.assertEqual(wrong, [])
                self.assertGreater(compared, 5)

    def test_a_changed_value_is_noticed(self):
        for name, schema in vectors.LIST_FILES.items():
            for kind in schema:
                index, vector = self.last_of(name, kind)
                for field in vector:
                    if field == "kind" or (name, kind) in FREE:
                        continue
                    if (name, kind, field) in COARSE:
                        continue
                    if (name, kind) in ROUNDED and field != "bits":
                        continue
                    with self.subTest(name, kind=kind, field=field):
                        document = copy.deepcopy(self.documents[name])
                        changed = document["vectors"][index]
                        changed[field] = change(changed[field])
                        self.assertNotEqual(vectors.check_document(name, document)[1], [])

    def test_a_changed_verdict_is_noticed(self):
        for name, kind in FREE:
            index, vector = self.last_of(name, kind)
            document = copy.deepcopy(self.documents[name])
            changed = document["vectors"][index]
            if "rule" in changed:
                changed["rule"] = "BlockNumber"
            elif "valid" in changed:
                changed["valid"] = not changed["valid"]
            elif "bits" in changed:
                changed["bits"] = "0x1e100000"
            else:
                changed["parameters"] = self.documents["chain.json"]["network"]
            with self.subTest(name, kind=kind):
                self.assertNotEqual(vectors.check_document(name, document)[1], [])

    def test_changed_chains_are_noticed(self):
        for name, field, value in (
            ("chain.json", "tip", "00" * 32),
            ("chain.json", "total_work", "1"),
            ("chain.json", "blocks", self.documents["chain.json"]["blocks"][:-1]),
            ("chain.json", "blocks", self.documents["chain.json"]["blocks"][1:]),
            ("chain.json", "blocks", []),
            ("chain.json", "network", sample.DEV.to_json()),
            ("rules.json", "vectors", [self.documents["rules.json"]["vectors"][0] | {"failures": ["BlockNumber"]}]),
        ):
            with self.subTest(name, field=field):
                changed = self.documents[name] | {field: value}
                self.assertNotEqual(vectors.check_document(name, changed)[1], [])

    def test_fields_and_kinds_have_to_be_those_of_the_specification(self):
        hash_vector = self.documents["hash.json"]["vectors"][0]
        for name, document in (
            ("other.json", {}),
            ("hash.json", []),
            ("hash.json", {"description": "", "vectors": []}),
            ("hash.json", {"description": "", "vectors": [hash_vector | {"more": 1}]}),
            ("hash.json", {"description": "", "vectors": [{"tag": "x"}]}),
            ("hash.json", {"description": "", "vectors": [hash_vector | {"hash": 1}]}),
            ("key.json", {"description": "", "vectors": [{"kind": ["sign"]}]}),
            ("key.json", {"description": "", "vectors": self.documents["key.json"]["vectors"][:1]}),
            ("rules.json", None),
        ):
            with self.subTest(name, document=document):
                self.assertNotEqual(vectors.check_document(name, document)[1], [])

    def last_of(self, name: str, kind: str | None) -> tuple[int, dict]:
        numbered = list(enumerate(self.documents[name]["vectors"]))
        return [(i, vector) for i, vector in numbered if kind is None or vector["kind"] == kind][-1]


def change(value):
    """Returns another value of the same type, still well formed if possible."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, dict):
        field = "genesis_time" if "genesis_time" in value else "index"
        return value | {field: value[field] ^ 1}
    if isinstance(value, list):
        return value[:-1] if value else ["00"]
    if value.isdigit() and len(value) < 30:
        return str(int(value) ^ 1)
    if value.startswith("0x"):
        return value[:-1] + ("0" if value[-1] != "0" else "1")
    if not value:
        return "00"
    last = "0" if value[-1] != "0" else "1"
    return value[:-1] + last
