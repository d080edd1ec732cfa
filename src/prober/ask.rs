//! How does a request reach the process's own listener, and what came back?
//!
//! HTTP/1.1 over a connection of its own. Under TLS exactly the listener's own certificate counts:
//! whoever else sits on that port is not asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use crate::edge::shown::{Own, Shown};
use crate::pipeline::rehearsal::HEADER;

use super::choose::Candidate;

/// Time for the whole exchange: on one host even a busy gateway answers in milliseconds.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of an answer that are read; a denial with an operator's texts has some hundreds.
const MOST_BYTES: u64 = 64 * 1024;

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The problem's public code; `none` for what is no problem document.
    pub(super) code: String,
}

/// Sends the request and reads its answer. Where a body could be sent, one of `announced` bytes is
/// announced and never sent: more than is ever forwarded, should the ticket be over when it is read.
pub(super) async fn ask(
    candidate: &Candidate,
    ticket: &str,
    announced: u64,
) -> Result<Answer, String> {
    let name = &candidate.doorway.name;
    let exchanged = tokio::time::timeout(TIMEOUT, exchange(candidate, ticket, announced)).await;
    let late = |_| Err(format!("no answer within {} s", TIMEOUT.as_secs()));
    let answer = exchanged.unwrap_or_else(late);
    answer.map_err(|why| format!("listener `{name}`: {why}"))
}

async fn exchange(candidate: &Candidate, ticket: &str, announced: u64) -> Result<Answer, String> {
    let request = write(candidate, ticket, announced);
    let doorway = &candidate.doorway;
    let connecting = connect(doorway.address, doorway.shown.as_ref());
    let (stream, _own) = connecting.await.map_err(|error| error.to_string())?;
    let bytes = match &doorway.shown {
        None => talk(stream, &request).await,
        Some(shown) => {
            let certificate = shown.leaf().ok_or("the listener has no certificate")?;
            let connector = TlsConnector::from(Arc::new(client(certificate)?));
            let name = ServerName::from(candidate.doorway.address.ip());
            let stream = connector.connect(name, stream).await;
            talk(stream.map_err(|error| error.to_string())?, &request).await
        }
    };
    read(&bytes.map_err(|error| error.to_string())?).ok_or_else(|| "no HTTP answer".to_owned())
}

fn write(candidate: &Candidate, ticket: &str, announced: u64) -> Vec<u8> {
    let Candidate {
        method, host, path, ..
    } = candidate;
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/problem+json\r\n\
         Connection: close\r\n{HEADER}: {ticket}\r\n"
    )
    .into_bytes();
    if let Some((name, value)) = &candidate.version {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    if !method.is_safe() {
        head.extend_from_slice(format!("Content-Length: {announced}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// From a loopback address that nobody else uses, where there is one. The listener knows it from there:
/// it may ask everybody else for a certificate.
async fn connect(
    address: SocketAddr,
    shown: Option<&Arc<Shown>>,
) -> std::io::Result<(TcpStream, Option<Own>)> {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    let address = SocketAddr::new(ip, address.port());
    let socket = match ip {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    let mut octets = [0; 3];
    let own = match ip {
        IpAddr::V4(ip) if ip.is_loopback() && SystemRandom::new().fill(&mut octets).is_ok() => {
            let [b, c, d] = octets;
            IpAddr::from([127, b | 1, c, d])
        }
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip, // one of this host's: it is listened on
    };
    if let Err(error) = socket.bind(SocketAddr::new(own, 0)) {
        tracing::debug!(%error, "a probe has no address of its own");
    }
    let bound = socket.local_addr().ok().filter(|bound| bound.port() != 0);
    let expected = shown.zip(bound).map(|(shown, bound)| shown.expect(bound));
    Ok((socket.connect(address).await?, expected))
}

/// Sends, and reads until the answer is whole or the connection ends.
async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
) -> std::io::Result<Vec<u8>> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut bytes = Vec::new();
    let mut limited = stream.take(MOST_BYTES);
    while !is_whole(&bytes) {
        match limited.read_buf(&mut bytes).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(_) if !bytes.is_empty() => break, // an end without a goodbye: what came is read
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// Head and body, once the head is there to its end.
fn parts(bytes: &[u8]) -> Option<(&str, &[u8])> {
    const END: &[u8] = b"\r\n\r\n";
    let at = bytes.windows(END.len()).position(|window| window == END)?;
    let (head, rest) = bytes.split_at_checked(at)?;
    Some((std::str::from_utf8(head).ok()?, rest.get(END.len()..)?))
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some((head, body)) = parts(bytes) else {
        return false;
    };
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length
        .and_then(|(_, length)| length.trim().parse().ok())
        .is_some_and(|length: usize| body.len() >= length)
}

fn read(bytes: &[u8]) -> Option<Answer> {
    let (head, body) = parts(bytes)?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let problem: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let code = problem.as_ref().and_then(|problem| {
        let kind = problem.get("type")?.as_str()?;
        kind.strip_prefix("urn:vingate:problem:")
    });
    Some(Answer {
        status,
        code: code.unwrap_or("none").to_owned(),
    })
}

/// A client that believes one certificate.
fn client(certificate: CertificateDer<'static>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(OneCertificate {
        certificate,
        provider: Arc::clone(&provider),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// Believes who shows exactly this certificate and has its key.
#[derive(Debug)]
struct OneCertificate {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OneCertificate {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *leaf == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            let message = "the listener shows another certificate than its own";
            Err(rustls::Error::General(message.to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_is_read_by_its_code() {
        let body = r#"{"type":"urn:vingate:problem:closed","status":503}"#;
        let length = body.len();
        let text = format!("HTTP/1.1 503 X\r\nContent-Length: {length}\r\n\r\n{body}");
        assert!(is_whole(text.as_bytes()));
        let cut = text.get(..text.len() - 1).unwrap();
        assert!(!is_whole(cut.as_bytes()));
        let expected = Answer {
            status: 503,
            code: "closed".to_owned(),
        };
        assert_eq!(read(text.as_bytes()), Some(expected));
    }

    #[test]
    fn what_is_no_problem_document_has_no_code() {
        let read = |text: &str| read(text.as_bytes()).map(|answer| answer.code);
        let page = read("HTTP/1.1 200 OK\r\n\r\n<p>hello</p>");
        assert_eq!(page.as_deref(), Some("none"));
        assert_eq!(read("nonsense\r\n\r\n"), None);
        assert_eq!(read("HTTP/1.1 200 OK\r\n"), None);
    }
}
