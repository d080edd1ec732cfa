//! How does all that is known of ownership go out?
//!
//! JSON Lines, passed on while they are read: an export is never whole in memory. One that breaks off
//! is an error to its reader, never a short file.

use std::io;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderValue, header};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::adapters::directory::NoSnapshot;
use crate::admin::Operated;
use crate::admin::authority::{Act, Circumstances};
use crate::admin::changing::on_a_thread;
use crate::admin::granting::entry::Entry;
use crate::admin::ownership::Piece;
use crate::admin::person::Person;
use crate::admin::problem::Problem;

/// Bytes that are passed on at once.
const PIECE: usize = 64 * 1024;
/// Pieces that wait for the caller.
const PIECES: usize = 16;
/// A caller who takes nothing for so long is gone: the snapshot keeps old pages of the file.
const STALLED: Duration = Duration::from_secs(60);

pub(super) async fn export(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
) -> Result<Response, Problem> {
    operated.permit(&person, Act::ExportOwnership, Circumstances::default())?;
    let (sender, receiver) = mpsc::channel(PIECES);
    let (begun, snapshot) = on_a_thread(move || {
        let begun = Entry::new(&operated, &person, "export").begin()?;
        match operated.directory.snapshot() {
            Ok(snapshot) => Ok((begun, snapshot)),
            Err(why) => {
                let problem = match why {
                    NoSnapshot::Failed(_) | NoSnapshot::Broken(_) => {
                        Problem::failed(why.to_string())
                    }
                    NoSnapshot::Refused(why) => Problem::store_refuses(why),
                };
                begun.conclude(problem.code(), 0);
                Err(problem)
            }
        }
    })
    .await?;
    // It goes on by itself: what the caller has read is recorded whatever becomes of them.
    drop(tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces::new(sender);
        let written = snapshot.write(&mut |line| pieces.line(line));
        let ended = written
            .map_err(|broken| broken.to_string())
            .and_then(|count| pieces.end().map(|()| count));
        match ended {
            Ok(count) => begun.conclude("done", count),
            Err(why) => {
                tracing::error!(target: "vingate::admin", why, "an export broke off");
                begun.conclude("broke-off", 0);
            }
        }
    }));
    let mut response = Body::from_stream(stream(receiver)).into_response();
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// Lines on their way to the caller, from a blocking thread.
struct Pieces {
    sender: mpsc::Sender<Piece>,
    piece: Vec<u8>,
}

impl Pieces {
    fn new(sender: mpsc::Sender<Piece>) -> Self {
        let piece = Vec::new();
        Self { sender, piece }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        self.piece.extend_from_slice(line.as_bytes());
        self.piece.push(b'\n');
        if self.piece.len() < PIECE {
            return Ok(());
        }
        self.pass_on()
    }

    fn end(&mut self) -> Result<(), String> {
        self.pass_on()?;
        self.send(Piece::End)
    }

    fn pass_on(&mut self) -> Result<(), String> {
        let piece = std::mem::take(&mut self.piece);
        self.send(Piece::Bytes(Bytes::from(piece)))
    }

    fn send(&self, piece: Piece) -> Result<(), String> {
        let sent = Handle::current().block_on(timeout(STALLED, self.sender.send(piece)));
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err("the caller hung up".to_owned()),
            Err(_) => Err(format!("nothing was taken for {} s", STALLED.as_secs())),
        }
    }
}

/// The pieces as a body: an error where they stop without an end.
fn stream(receiver: mpsc::Receiver<Piece>) -> impl Stream<Item = io::Result<Bytes>> {
    futures_util::stream::unfold(Some(receiver), async |receiver| {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(receiver))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("the export broke off")), None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    async fn read(pieces: Vec<Piece>) -> io::Result<Vec<u8>> {
        let (sender, receiver) = mpsc::channel(PIECES);
        for piece in pieces {
            assert!(sender.try_send(piece).is_ok());
        }
        drop(sender);
        let pieces: Vec<io::Result<Bytes>> = stream(receiver).collect().await;
        let pieces: io::Result<Vec<Bytes>> = pieces.into_iter().collect();
        Ok(pieces?.concat())
    }

    #[tokio::test]
    async fn an_export_that_broke_off_is_an_error_to_its_reader() {
        let bytes = |text: &'static str| Piece::Bytes(Bytes::from_static(text.as_bytes()));
        let whole = vec![bytes("one\n"), bytes("two\n"), Piece::End];
        assert_eq!(read(whole).await.unwrap(), b"one\ntwo\n");
        assert_eq!(read(vec![Piece::End]).await.unwrap(), b"");
        assert!(read(vec![bytes("one\n"), bytes("two\n")]).await.is_err());
        assert!(read(Vec::new()).await.is_err());
    }

    #[test]
    fn lines_come_out_whole_and_a_reader_who_left_ends_it() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (sender, mut receiver) = mpsc::channel(PIECES);
        let ended = runtime.block_on(async {
            let work = tokio::task::spawn_blocking(move || {
                let mut pieces = Pieces::new(sender);
                let first = "x".repeat(PIECE);
                pieces.line(&first).and_then(|()| pieces.line("y"))?;
                pieces.end()
            });
            let mut whole = Vec::new();
            while let Some(Piece::Bytes(bytes)) = receiver.recv().await {
                whole.extend_from_slice(&bytes);
            }
            assert_eq!(whole.len(), PIECE + 3);
            work.await.unwrap()
        });
        assert_eq!(ended, Ok(()));
        let (sender, receiver) = mpsc::channel(1);
        drop(receiver);
        let ended = runtime.block_on(async {
            tokio::task::spawn_blocking(move || Pieces::new(sender).end()).await
        });
        assert!(ended.unwrap().is_err());
    }
}
