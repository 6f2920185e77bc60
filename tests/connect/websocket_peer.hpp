// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "connect/program.hpp"

namespace penstock::test {

/// Python's `websockets` at the other end, told what to do by lines of text, which it does one after the other. It
/// writes a line for all that happens: "port N" (of a server), "open SUBPROTOCOL", "text JSON", "bytes HEX",
/// "pong", "sent", "closed CODE REASON", "refused ERROR".
inline constexpr const char* websocket_peer = R"python(
import asyncio, json, sys, websockets

def say(*words):
    print(*words, flush=True)

class Peer:
    def __init__(self):
        self.open = asyncio.Event()
        self.reading = asyncio.Event()
        self.quiet = False
        self.messages = 0

    async def talk(self, ws):
        self.ws = ws
        say("open", ws.subprotocol or "")
        self.open.set()
        try:
            while True:
                await self.reading.wait()
                message = await ws.recv()
                self.messages += 1
                if self.quiet:
                    continue
                if isinstance(message, bytes):
                    say("bytes", message.hex())
                else:
                    say("text", json.dumps(message))
        except websockets.ConnectionClosed:
            pass
        self.open.clear()
        say("closed", ws.close_code, ws.close_reason)

    async def obey(self, line):
        verb, _, rest = line.partition(" ")
        if verb == "read":
            self.reading.set()
        elif verb == "pause":
            self.reading.clear()
        elif verb == "count":
            say("count", self.messages)
        else:
            await self.open.wait()
            ws = self.ws
            if verb == "text":
                await ws.send(json.loads(rest))
            elif verb == "bytes":
                await ws.send(bytes.fromhex(rest))
            elif verb == "fragments":
                await ws.send(json.loads(rest))
            elif verb == "many":
                n, size = map(int, rest.split())
                for i in range(n):
                    await ws.send(str(i).ljust(size, "."))
                say("sent")
            elif verb == "ping":
                await (await ws.ping())
                say("pong")
            elif verb == "close":
                await ws.close(int(rest))
            elif verb == "abort":
                ws.transport.abort()

    async def listen_to_input(self):
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := (await reader.readline()).decode().strip():
            try:
                await self.obey(line)
            except websockets.ConnectionClosed:
                pass

async def main(options):
    peer = Peer()
    if options.pop("read", True):
        peer.reading.set()
    peer.quiet = options.pop("quiet", False)
    where = options.pop("where")
    options.setdefault("ping_interval", None)
    options.setdefault("compression", None)
    if isinstance(where, int):
        async def handle(ws, path):
            await peer.talk(ws)
        async with websockets.serve(handle, "127.0.0.1", where, **options) as server:
            say("port", server.sockets[0].getsockname()[1])
            await peer.listen_to_input()
    else:
        talking = None
        try:
            ws = await websockets.connect(where, **options)
            talking = asyncio.ensure_future(peer.talk(ws))
        except Exception as e:
            say("refused", e)
        await peer.listen_to_input()
        if talking:
            talking.cancel()

asyncio.run(main(json.loads(sys.argv[1])))
)python";

inline bool has_websocket_peer() {
  return std::system("/usr/bin/python3 -c 'import websockets' >/dev/null 2>&1") == 0;
}

/// @param options  a JSON object: "where", a URL to connect to or a port to serve at; "read": false not to read at
///                 first; "quiet": true to count messages and not to write them; the others are those of `websockets`.
inline std::vector<std::string> websocket_peer_command(const std::string& options) {
  return {"/usr/bin/python3", "-c", websocket_peer, options};
}

}  // namespace penstock::test
