// An upstream whose every answer is an event stream on which one event comes and then nothing. Writes
// its port to stdout.
import http from 'node:http';

const server = http.createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  response.write('event: ready\ndata: {}\n\n');
});
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', 4096, () => process.stdout.write(`${server.address().port}\n`));
