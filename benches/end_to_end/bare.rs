//! A pingora proxy that decides nothing: the floor of what any gateway on it can cost.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::proxy::{ProxyHttp, Session, http_proxy};
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
    let Ok(upstream) = upstream.parse() else {
        return ExitCode::FAILURE;
    };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    else {
        return ExitCode::FAILURE;
    };
    runtime.block_on(async {
        let proxy = Arc::new(http_proxy(
            &Arc::new(ServerConf::default()),
            Bare { upstream },
        ));
        let Ok(listener) = tokio::net::TcpListener::bind("127.0.0.1:0").await else {
            return ExitCode::FAILURE;
        };
        let Ok(address) = listener.local_addr() else {
            return ExitCode::FAILURE;
        };
        println!("listening bare http://{address}");
        println!("ready");
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let (proxy, stopped) = (Arc::clone(&proxy), stopped.clone());
            tokio::spawn(async move {
                if stream.set_nodelay(true).is_err() {
                    return;
                }
                let mut next: Option<pingora::protocols::Stream> =
                    Some(Box::new(L4Stream::from(stream)));
                while let Some(stream) = next {
                    next = proxy.process_new(stream, &stopped).await;
                }
            });
        }
    })
}
