# One trial: a copy of the founded homes, a service whose N-th call fails, what members then do, and what
# is there when it is served again. What each program says is left in files, and how it ended in `ended`.
# PHASE, INJECT (strace's options; nothing fails without any), FROM, PORT and TRACED are given.
set -u
export LC_ALL=C
rm -rf now && cp -a founded now && cd now || exit 98
HOME_OF_SERVICE=$PWD/service
SERVICE=
trap 'kill -KILL $SERVICE; exit 99' TERM

ended() { echo "$1 $2" >> ended; }
up() { until (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; do kill -0 $SERVICE 2>/dev/null || return 1; done; }
stop() { kill -TERM $SERVICE 2>/dev/null; wait $SERVICE; ended "$1" $?; }
member() { # what it is called, then the command
  timeout "$PATIENCE" liaison --home "$2" --no-input --json "${@:3}" > "$1.json" 2> "$1.txt"
  ended "$1" $?
}
# In the background only: it becomes the process.
trace() { exec strace -f -y -qq -s 0 $INJECT -o "$TRACED" "$@"; }
failing() { # from here on, if this is the phase
  [ "$PHASE" = "$1" ] && kill -0 $SERVICE 2>/dev/null || return 0
  trace -p $SERVICE 2>> strace.txt &
  # Every thread, or the service has ended.
  until ! grep -qs 'TracerPid:	0$' /proc/$SERVICE/task/*/status; do kill -0 $! || return 0; done
}

if [ "$PHASE" = start ]; then
  trace -D liaisond --home "$HOME_OF_SERVICE" serve 2> served.txt &
else
  liaisond --home "$HOME_OF_SERVICE" serve 2> served.txt &
fi
SERVICE=$!
up; ended up $?
PATIENCE=4 # Whoever tries again for longer does so once the service is back.
failing submit
member submit pt notify at/cert-at --title During --text x --attach ../large
failing collect
member collect at inbox list
failing publish
member publish pt record draft --telephone "+351 210000002" --yes
failing stop
stop served

liaisond --home "$HOME_OF_SERVICE" serve 2> again.txt & SERVICE=$!
up; ended again $?
PATIENCE=15
member sent pt sent
member inbox at inbox list
# What was told to have failed is done again.
grep -q '^publish 0$' ended || member published pt record draft --telephone "+351 210000002" --yes
member sync at sync
member directory at directory show pt/cncs
stop stopped
