//! A pingora proxy that decides nothing, served as pingora serves: the floor of what any gateway on it
//! can cost.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;

struct Bare {
    upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }
}

/// Serves until it is killed; prints its address first.
pub(crate) fn run(upstream: &str) -> ExitCode {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let (Ok(upstream), Ok(address)) = (upstream.parse(), free) else {
        return ExitCode::FAILURE;
    };
    let conf = ServerConf {
        threads: thread::available_parallelism().map_or(1, std::num::NonZero::get),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut proxy = http_proxy_service(&Arc::clone(&server.configuration), Bare { upstream });
    proxy.add_tcp(&address.to_string());
    server.add_service(proxy);
    thread::spawn(move || {
        while TcpStream::connect(address).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        println!("listening bare http://{address}");
        println!("ready");
    });
    server.run_forever();
}
