"""A client of the older system, as faithful as `server-node/src/legacy.rs` describes it, and no kinder.

It parses every text on `/` as a block. A number one above its last is appended, whatever the block is. Any other number makes
it fetch the whole chain and replace its own. The sockets have the library's defaults. Any exception is printed as failed, and
the client connects again.

    python client.py HOST PORT [--dial=PORT] [--from=IP] [--inline] [--all]

HOST is the first key of its table of nodes, dialled at PORT, where it also fetches. Each further key of each fetched table is
dialled as it is, at the port of `--dial`. It connects from the address of `--from`. With `--inline`, a fetch that a
block causes is awaited where the block was read, so that further blocks wait; otherwise both go on at once. With `--all`, it
asks for every block, and allows it.

On its input, one line each: `fetch` fetches the chain, `end` prints the chain and ends. What happens is one line of JSON each.
"""

import asyncio
import hashlib
import json
import sys
import traceback

import ecdsa
import websockets

RECONNECT_SECONDS = 0.2


def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


def failed(where, error):
    trace = traceback.format_exc(limit=-2)
    say("failed", where=where, error=f"failed {where}: {type(error).__name__}: {error}", trace=trace)


class Block:
    """A block as the client reads it: every field that it needs, by the client's own rules.

    A block that was sent is checked, with no consequence; a fetched chain is stored as it is.
    """

    def __init__(self, fields, is_fetched=False):
        self.number = fields["number_of_block"]
        if type(self.number) is not int:
            raise TypeError(f"number_of_block: {self.number!r}")
        for name in ("hash", "prev_hash", "signature", "timeStamp", "message"):
            if type(fields[name]) is not str:
                raise TypeError(f"{name}: {fields[name]!r}")
        self.hash, self.prev_hash = fields["hash"], fields["prev_hash"]
        sender, rest = fields["message"].split("From ")[1].split(" to ", 1)
        self.sender, self.text = bytes.fromhex(sender), rest
        self.recipient, self.words = rest.split(", ", 1)
        if len(self.sender) != 33 or self.sender[0] not in (2, 3):
            raise ValueError(f"not a public key: {sender}")
        if is_fetched:
            return
        joined = fields["message"] + self.prev_hash + fields["signature"] + str(fields["nonce"]) + fields["timeStamp"]
        computed = hashlib.sha256(joined.encode()).hexdigest()
        self.is_hash_right = computed == self.hash
        key = ecdsa.VerifyingKey.from_string(self.sender, curve=ecdsa.SECP256k1)
        try:
            self.is_signature_right = key.verify(bytes.fromhex(fields["signature"]), fields["message"].encode())
        except ecdsa.BadSignatureError:
            self.is_signature_right = False


class Client:
    def __init__(self, host, port, options):
        values = dict(option.split("=") for option in options if "=" in option)
        self.host, self.port, self.dial_port = host, port, values.get("--dial", port)
        self.inline, self.whole = "--inline" in options, "--all" in options
        self.local = {"local_addr": (values["--from"], 0)} if "--from" in values else {}
        self.nodes = {host: {}}
        self.chain = []
        self.dialled = {}
        self.fetching = set()

    def dial(self):
        for key in self.nodes:
            if key not in self.dialled:
                self.dialled[key] = asyncio.create_task(self.listen(key))

    async def listen(self, key):
        port = self.port if key == self.host else self.dial_port
        while True:
            try:
                async with websockets.connect(f"ws://{key}:{port}", **self.local) as socket:
                    await socket.send("ping")
                    say("connected", key=key)
                    async for text in socket:
                        await self.received(Block(json.loads(text)))
            except Exception as error:
                failed(f"socket {key}", error)
            say("disconnected", key=key)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def received(self, block):
        last = self.chain[-1].number if self.chain else -1
        known = any(block.hash == other.hash for other in self.chain)
        say("block", number=block.number, hash=block.hash, last=last, known=known)
        if block.number == last + 1:
            self.chain.append(block)
            return
        fetch = asyncio.create_task(self.fetch(f"block {block.number} after {last}"))
        self.fetching.add(fetch)
        fetch.add_done_callback(self.fetching.discard)
        if self.inline:
            await fetch

    async def fetch(self, cause):
        say("fetch", cause=cause)
        try:
            path, limits = ("get-blockchaindata?all", {"max_size": None}) if self.whole else ("get-blockchaindata", {})
            async with websockets.connect(f"ws://{self.host}:{self.port}/{path}", **limits, **self.local) as socket:
                text = await socket.recv()
            told = json.loads(text)
            chain = [Block(fields, is_fetched=True) for fields in told["BlockChainData"]]
            if len(told["WalletAuthor"]) != 66:
                raise ValueError(told["WalletAuthor"])
            for node in told["NetworkData"]["Nodes"].values():
                assert node["Status"] in ("Online", "Offline") and node["IP"] and node["LastChanged"]
                float(node["Latency"])
            self.chain, self.nodes = chain, told["NetworkData"]["Nodes"]
            say("fetched", cause=cause, bytes=len(text.encode()), nodes=self.nodes, **self.told())
            self.dial()
        except Exception as error:
            failed("fetch", error)

    def told(self):
        """The chain: its first block, and the hashes of those that follow one another up to its end."""
        numbers = [block.number for block in self.chain]
        gaps = [pair for pair in zip(self.chain[1:], self.chain[2:])
                if pair[1].number != pair[0].number + 1 or pair[1].prev_hash != pair[0].hash]
        return {
            "first": numbers[:1],
            "from": numbers[1] if len(numbers) > 1 else None,
            "last": numbers[-1] if numbers else None,
            "tip": self.chain[-1].hash if numbers else None,
            "gaps": len(gaps),
        }


async def main():
    host, port, *options = sys.argv[1:]
    client = Client(host, port, options)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    client.dial()
    while line := (await lines.readline()).decode().strip():
        if line == "fetch":
            await client.fetch("asked")
        elif line == "end":
            break
    say("end", chain=[[block.number, block.hash] for block in client.chain], nodes=client.nodes, **client.told())
    sys.stdout.flush()


asyncio.run(main())
