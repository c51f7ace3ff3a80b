import json
import socket
import sys
import threading

name, host, port = [*sys.argv[1:], "127.0.0.1", "8888"][:3]
line = socket.create_connection((host, int(port)))


def send(action, **fields):
    line.sendall(json.dumps({"action": action, **fields}).encode())


def listen():
    for told in map(json.loads, line.makefile(encoding="utf-8")):
        who = told.get("from") or told.get("user") or "*"
        print(who, told.get("text") or told.get("action"), flush=True)


send("registration", name=name)
threading.Thread(target=listen).start()
for said in sys.stdin:
    send("new_message", text=said.rstrip("\n"))
send("quit")
