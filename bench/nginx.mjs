// The configuration of an nginx in one process (a worker would outlive a master that is killed), with
// everything in the folder `prefix`.
export const nginxConf = (prefix, name, http) => `
daemon off; master_process off; pid ${prefix}/${name}.pid; error_log ${prefix}/${name}.err;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${prefix}/${name}-${kind};`).join(' ')}
  ${http}
}`;
