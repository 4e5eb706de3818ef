# A service with two members and a message, stopped. PORT and ENGINE are given.
set -eu -o pipefail
head -c 200000 /dev/urandom > large
mkdir founded && cd founded
liaisond --home service init --single --client-home registrar --listen "127.0.0.1:$PORT" --engine "$ENGINE" > founded.txt
liaisond --home service serve 2> served.txt & SERVICE=$!
trap 'kill $SERVICE' EXIT
until (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; do kill -0 $SERVICE; done
DIGITS=$(grep -E '^ +([0-9]{5} ){11}[0-9]{5}$' founded.txt)
for contact in at/cert-at pt/cncs; do
  member=${contact%/*}
  liaison --home "$member" join service/invitation.liaison --as "$contact/duty-1" --fingerprint "$DIGITS"
  liaison --home registrar admin member admit "$member" --name en=State --authority "$member.authority"
  liaison --home "$member" join "$member.admission" --as "$contact/duty-1" --name en=Office
done
liaison --home pt sync
liaison --home pt notify at/cert-at --title Before --text x
liaison --home at inbox list
liaison --home pt sent
trap - EXIT
kill $SERVICE
wait $SERVICE
