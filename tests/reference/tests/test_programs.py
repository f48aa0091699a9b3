"""The programs, as a user runs them."""

import http.server
import io
import json
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

from plexus_reference import export, receipt, sample, verdict
from plexus_reference.network import DEV

FOLDER = Path(__file__).resolve().parent.parent


def run(program: str, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(FOLDER / program), *arguments], input=stdin, capture_output=True, timeout=60
    )


class VerifyChain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.chain, cls.blocks = sample.grow(DEV, 6)
        cls.file = exported(cls.blocks)

    def verify(self, data: bytes, *arguments: str):
        return run("verify_chain.py", "-", *arguments, stdin=data)

    def test_sums_up_a_valid_chain(self):
        result = self.verify(self.file, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        summary = json.loads(result.stdout)
        self.assertEqual(summary["tip"], self.chain.tip.hash.hex())
        self.assertEqual(summary["network_id"], DEV.id.hex())
        self.assertEqual((summary["valid"], summary["height"], summary["failures"]), (True, 6, []))
        self.assertEqual((summary["total_work"], summary["messages"]), (str(6 * 255), self.chain.messages))

    def test_reads_a_file_and_prints_text(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "chain.txt"
            path.write_bytes(self.file)
            result = run("verify_chain.py", str(path))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f"tip         {self.chain.tip.hash.hex()}", result.stdout.decode())

    def test_genesis_alone_is_a_chain(self):
        self.assertEqual(self.verify(exported(self.blocks[:1])).returncode, 0)

    def test_the_last_line_feed_may_be_missing(self):
        self.assertEqual(self.verify(self.file.rstrip(b"\n")).returncode, 0)

    def test_names_height_and_rule_of_a_bad_block(self):
        changed = bytearray(self.blocks[3])
        changed[95] ^= 1
        result = self.verify(exported([*self.blocks[:3], bytes(changed), *self.blocks[4:]]))
        self.assertEqual(result.returncode, 1)
        self.assertTrue(result.stdout.startswith(b"block 3: InvalidBlockHash: expected "), result.stdout)

    def test_reports_missing_blocks(self):
        result = self.verify(exported(self.blocks[:2] + self.blocks[3:]), "--json")
        self.assertEqual(result.returncode, 1)
        failures = json.loads(result.stdout)["failures"]
        self.assertEqual({f["rule"] for f in failures}, {"PreviousHashBlockError", "MissedBlock"})
        self.assertEqual({f["height"] for f in failures}, {2})

    def test_judges_by_the_given_clock(self):
        tip_time = self.chain.tip.time
        self.assertEqual(self.verify(self.file, "--now", str(tip_time - 60_000)).returncode, 0)
        late = self.verify(self.file, "--now", str(tip_time - 60_001))
        self.assertEqual(late.returncode, 1)
        self.assertIn(b"block 6: TimeTooFarAhead", late.stdout)

    def test_refuses_another_genesis(self):
        _, others = sample.grow(sample.GARDEN, 1)
        result = self.verify(exported([others[0], *self.blocks[1:]]))
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"block 0: Genesis", result.stdout)

    def test_names_another_protocol_version(self):
        first = bytearray(self.blocks[0])
        first[67] = 1
        result = self.verify(exported([bytes(first), *self.blocks[1:]]))
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"expected version 2", result.stdout)
        self.assertIn(b"version 1: nothing is converted", result.stdout)

    def test_lines_that_are_no_blocks_break_the_encoding_rule(self):
        for line in (b"", b"zz", b"ABCD", b"abc", b"00 00", self.blocks[1].hex().encode() + b"\r"):
            result = self.verify(exported(self.blocks[:1]) + line + b"\n")
            self.assertEqual(result.returncode, 1, line)
            self.assertIn(b"block 1: InvalidEncoding", result.stdout)

    def test_a_line_above_the_cap_is_not_read_to_its_end(self):
        stream = io.BytesIO(exported(self.blocks[:1]) + b"0" * (3 * DEV.block_bytes_max))
        verdict = export.verify(stream, 0)
        self.assertEqual([failure.rule for failure in verdict.failures], ["BlockTooLarge"])
        self.assertLess(stream.tell(), 2 * DEV.block_bytes_max + 2000)

    def test_files_that_are_no_exports_are_wrong_use(self):
        network = json.dumps(DEV.to_json()).encode()
        for data in (
            b"",
            b"\n",
            b"[]\n",
            b"[" * 4000 + b"\n",
            b"{" + b" " * 5000 + b"}\n",
            b"\xff\n",
            network + b"\n",
            network.replace(b'"name"', b'"name": "dev", "name"') + b"\n00\n",
            json.dumps(DEV.to_json() | {"block_bytes_max": 2**32 - 1}).encode() + b"\n00\n",
        ):
            result = self.verify(data)
            self.assertEqual((result.returncode, result.stdout), (2, b""), data)
            self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)

    def test_wrong_arguments_are_wrong_use(self):
        for arguments in ((), ("missing.txt",), ("-", "--now", "soon"), ("-", "--now", "-1"), (str(FOLDER),)):
            self.assertEqual(run("verify_chain.py", *arguments).returncode, 2, arguments)


class VerifyProof(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.receipt = sample.receipt_of(sample.GARDEN, 3, 2, 3, 1)
        cls.file = cls.receipt.encode()

    def verify(self, data: bytes, *arguments: str):
        return run("verify_proof.py", "-", *arguments, stdin=data)

    def test_says_what_either_form_shows(self):
        result = self.verify(self.file, "--json", "--network-id", sample.GARDEN.id.hex())
        self.assertEqual(result.returncode, 0, result.stderr)
        summary = json.loads(result.stdout)
        self.assertEqual((summary["height"], summary["blocks"]), (2, 2))
        self.assertEqual(summary["id"], self.receipt.message.id(sample.GARDEN.id).hex())
        form = json.dumps(self.receipt.to_json()).encode()
        self.assertEqual(self.verify(form, "--json").stdout, result.stdout)
        self.assertIn(summary["block"], self.verify(form).stdout.decode())

    def test_says_what_the_chain_was_compared_with(self):
        work = int(json.loads(self.verify(self.file, "--json").stdout)["total_work"])
        for arguments, status, expected in (
            ((), 0, verdict.NOT_COMPARED),
            (("--work", str(work)), 0, verdict.VALID),
            (("--work", str(work + 1)), 1, verdict.TOO_WEAK),
            (("--work", "2^100"), 1, verdict.TOO_WEAK),
        ):
            result = self.verify(self.file, "--json", *arguments)
            summary = json.loads(result.stdout)
            self.assertEqual((result.returncode, summary["verdict"]), (status, expected), arguments)
            self.assertEqual(summary["valid"], expected == verdict.VALID)
            self.assertEqual(summary["compared"], expected != verdict.NOT_COMPARED)
            self.assertEqual(result.stderr.count(b"\n"), status)
        self.assertTrue(summary["solitary"])
        self.assertLess(summary["parent_time_unix_ms"], summary["time_unix_ms"])

    def test_a_node_decides_by_the_hash_at_that_height(self):
        shown, answers = self.receipt, {}

        class Node(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answer = answers.get(self.path)
                self.send_response(200 if answer else 404)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Node) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            node = ("--json", "--node", f"http://127.0.0.1:{server.server_port}/")
            self.assertIn(b"cannot be compared", self.verify(self.file, *node).stderr)
            answers["/api/v1/network"] = DEV.to_json()
            answers["/api/v1/blocks/2"] = {"hash": shown.header.hash.hex()}
            self.assertIn(b"is on the network", self.verify(self.file, *node).stderr)
            answers["/api/v1/network"] = shown.network.to_json()
            result = self.verify(self.file, *node)
            self.assertEqual((result.returncode, json.loads(result.stdout)["verdict"]), (0, verdict.VALID))
            answers["/api/v1/blocks/2"] = {"hash": "0" * 64}
            result = self.verify(self.file, *node)
            self.assertEqual((result.returncode, json.loads(result.stdout)["verdict"]), (1, verdict.REPLACED))
            server.shutdown()

    def test_a_chain_from_the_future_is_refused(self):
        verified = receipt.verify(self.receipt)
        tip = verified.proven.header.time
        verdict.check_clock(verified, tip - 60_000)
        with self.assertRaises(receipt.ReceiptError):
            verdict.check_clock(verified, tip - 60_001)

    def test_known_work_decides_without_arguments(self):
        network, work = self.receipt.network, receipt.verify(self.receipt).proven.total_work
        for known, expected in ((work, verdict.VALID), (work + 1, verdict.TOO_WEAK)):
            with mock.patch.dict(verdict.KNOWN_WORK, {network.id: known}):
                self.assertEqual(verdict.of(network, work, None, None), expected)
                self.assertEqual(verdict.of(network, work, None, True), verdict.VALID)

    def test_refuses_every_changed_byte(self):
        for at in range(len(self.file)):
            for flip in (0x01, 0x80):
                changed = bytearray(self.file)
                changed[at] ^= flip
                with self.assertRaises(receipt.INVALID, msg=f"byte {at}"):
                    receipt.verify(receipt.Receipt.decode(bytes(changed)))

    def test_refuses_what_is_no_proof_file(self):
        form = json.dumps(self.receipt.to_json()).encode()
        twice = form.replace(b'"count"', b'"count": 3, "count"')
        signed = form.replace(b'"index": 1', b'"index": -0')
        for data in (b"", b"hello", b"{}", b"[" * 4000, self.file[:-1], self.file + b"\0", twice, signed, form[:-1]):
            result = self.verify(data)
            self.assertEqual((result.returncode, result.stdout), (1, b""), data[:40])
            self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)

    def test_another_network_or_document_shows_nothing(self):
        self.assertEqual(self.verify(self.file, "--network-id", DEV.id.hex()).returncode, 1)
        self.assertEqual(self.verify(self.file, "--file", __file__).returncode, 1)

    def test_wrong_arguments_are_wrong_use(self):
        for arguments in ((), ("missing.plexus",), ("-", "--file", "missing"), ("-", "--work", "much"), (str(FOLDER),)):
            self.assertEqual(run("verify_proof.py", *arguments).returncode, 2, arguments)


class VerifyVectors(unittest.TestCase):
    def test_made_files_agree_and_a_missing_or_changed_one_does_not(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(run("make_vectors.py", folder).returncode, 0)
            result = run("verify_vectors.py", folder)
            self.assertEqual(result.returncode, 0, result.stdout)
            chain = Path(folder) / "chain.json"
            document = json.loads(chain.read_text(encoding="utf-8"))
            chain.write_text(json.dumps(document | {"total_work": "7"}), encoding="utf-8")
            (Path(folder) / "merkle.json").unlink()
            result = run("verify_vectors.py", folder)
            self.assertEqual(result.returncode, 1)
            self.assertIn("chain.json: 1 wrong", result.stdout.decode())
            self.assertIn("merkle.json: 1 wrong", result.stdout.decode())

    def test_wrong_arguments_are_wrong_use(self):
        for arguments in ((), ("missing",)):
            self.assertEqual(run("verify_vectors.py", *arguments).returncode, 2)


def exported(blocks: list[bytes]) -> bytes:
    stream = io.BytesIO()
    export.write(stream, DEV, blocks)
    return stream.getvalue()
