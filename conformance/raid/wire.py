"""A wire that breaks: a TCP proxy that cuts what the server sends, or lets it through slowly."""

from __future__ import annotations

import socket
import threading
import time

from harness.server import free_port


class Wire:
    """Forwards connections to a port of this machine."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.port = free_port()
        # Bytes from the server after which a connection is cut; nothing for no limit.
        self.cut_after: int | None = None
        # Bytes a second towards the server.
        self.rate_up: int | None = None
        self.cuts = 0
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            threading.Thread(target=self.up, args=(client, server), daemon=True).start()
            threading.Thread(target=self.down, args=(server, client), daemon=True).start()

    def up(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
                if self.rate_up:
                    time.sleep(len(piece) / self.rate_up)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()

    def down(self, source: socket.socket, target: socket.socket) -> None:
        passed = 0
        try:
            while piece := source.recv(65536):
                passed += len(piece)
                target.sendall(piece)
                if self.cut_after is not None and passed > self.cut_after:
                    self.cuts += 1
                    break
        except OSError:
            pass
        for end in (target, source):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        self.listener.close()
