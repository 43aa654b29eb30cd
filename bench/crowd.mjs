// Clients that want nothing: IDLE open connections without a byte, and SLOW ones that send a header
// a byte a second. One that the server closes comes back. Writes `ready` when all are connected at
// once, and stays until it is ended.
//   node crowd.mjs PORT IDLE SLOW
import net from 'node:net';

const [port, idle, slow] = process.argv.slice(2).map(Number);
let connected = 0;
let assembled = false;

function join(isSlow) {
  let drip;
  const socket = net.connect(port, '127.0.0.1');
  socket.once('connect', () => {
    if (isSlow) {
      socket.write('POST /oauth/introspect HTTP/1.1\r\nHost: bench\r\nX-Slow: ');
      drip = setInterval(() => socket.write('a'), 1000);
    }
    connected += 1;
    if (connected === idle + slow && !assembled) {
      assembled = true;
      process.stdout.write('ready\n');
    }
    socket.once('close', () => { connected -= 1; });
  });
  socket.on('error', () => {});
  socket.on('data', () => {});
  socket.on('close', () => {
    clearInterval(drip);
    setTimeout(join, 100, isSlow);
  });
}

for (let i = 0; i < idle; i += 1) join(false);
for (let i = 0; i < slow; i += 1) join(true);
