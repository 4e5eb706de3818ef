"""Runs a command on a terminal of its own, and types what it asks for.

    terminal.py COMMAND [QUESTION ANSWER]...

Each answer is typed when its question has been asked and the terminal shows nothing of it, in this order;
the command's stdin is a pipe, so that what it reads comes from the terminal alone. What the terminal
showed is printed; the command's exit code is this one's. Ends with 99 if a question does not come.
"""

import os
import pty
import select
import sys
import termios

PATIENCE_SECONDS = 120


def is_unseen(terminal: int) -> bool:
    return not termios.tcgetattr(terminal)[3] & termios.ECHO


def part(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other end is closed.
        return b""


def main() -> int:
    command, *typed = sys.argv[1:]
    pairs = list(zip(typed[::2], typed[1::2]))
    stdin, silence = os.pipe()
    process, terminal = pty.fork()
    if process == 0:
        os.dup2(stdin, 0)
        os.execvp("bash", ["bash", "-c", command])
    os.close(stdin)
    termios.tcsetwinsize(terminal, (24, 80))
    shown, waited = "", 0.0
    fresh = ""  # Since the last answer.
    while waited < PATIENCE_SECONDS:
        if pairs and pairs[0][0] in fresh and is_unseen(terminal):
            os.write(terminal, pairs.pop(0)[1].encode() + b"\n")
            fresh = ""
        if not select.select([terminal], [], [], 0.05)[0]:
            waited += 0.05
            continue
        more = part(terminal).decode(errors="replace").replace("\r\n", "\n")
        if not more:
            break
        shown, fresh, waited = shown + more, fresh + more, 0.0
    os.close(silence)
    sys.stdout.write(shown)
    if pairs or waited >= PATIENCE_SECONDS:
        print(f"still to be asked: {[question for question, _ in pairs]}")
        return 99
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


sys.exit(main())
