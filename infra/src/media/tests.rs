//! The same expectations of a folder and of a real S3-compatible server.

use std::fs;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bellhop_domain::Secret;
use bellhop_domain::ports::{ByteStream, MediaStore, MediaStoreError};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{MediaPlace, Objects, S3};

const PIECE: usize = 64 << 10;

fn byte(at: usize) -> u8 {
    (at % 251) as u8
}

/// So many bytes in pieces, and an error after them if `breaks`.
fn file(size: usize, breaks: bool) -> ByteStream {
    let pieces = (0..size).step_by(PIECE).map(move |from| {
        let piece: Vec<u8> = (from..(from + PIECE).min(size)).map(byte).collect();
        Ok(Bytes::from(piece))
    });
    let end = breaks.then(|| Err(io::Error::other("broke off")));
    stream::iter(pieces.chain(end)).boxed()
}

async fn read(bytes: ByteStream) -> Vec<u8> {
    bytes
        .try_fold(Vec::new(), async |mut all, piece| {
            all.extend_from_slice(&piece);
            Ok(all)
        })
        .await
        .unwrap()
}

/// What every store promises. `left` says what it has, unfinished or not.
async fn keeps_its_promises(store: &Objects, left: impl AsyncFn() -> Vec<String>) {
    for (n, size) in [1, PIECE, (5 << 20) - 1, 5 << 20, (5 << 20) + 1, 12 << 20].into_iter().enumerate() {
        let key = format!("hotel/file{n}");
        store.put(&key, file(size, false)).await.unwrap();
        let all = read(store.get(&key).await.unwrap()).await;
        assert!(all.len() == size && all.iter().enumerate().all(|(at, b)| *b == byte(at)), "{size}");
        let half = size as u64 / 2;
        let part = read(store.get_part(&key, half..size as u64).await.unwrap()).await;
        assert!(part == all[size / 2..], "{size}");
        store.delete(&key).await.unwrap();
        store.delete(&key).await.unwrap();
        assert!(matches!(store.get(&key).await, Err(MediaStoreError::NotFound)));
        assert_eq!(left().await, [""; 0]);
    }
    for size in [PIECE, 12 << 20] {
        let broken = store.put("hotel/broken", file(size, true)).await;
        assert!(matches!(broken, Err(MediaStoreError::Source(_))), "{broken:?}");
        assert!(matches!(store.get("hotel/broken").await, Err(MediaStoreError::NotFound)));
        assert_eq!(left().await, [""; 0]);
    }
    nobody_sees_half_a_file(store).await;
}

async fn nobody_sees_half_a_file(store: &Objects) {
    let (send, receive) = tokio::sync::mpsc::channel::<io::Result<Bytes>>(1);
    let bytes = stream::unfold(receive, |mut receive| async { Some((receive.recv().await?, receive)) });
    let feeding = async {
        for _ in 0..12 << 4 {
            send.send(Ok(vec![7; PIECE].into())).await.unwrap();
        }
        // All but the end is in.
        assert!(matches!(store.get("hotel/slow").await, Err(MediaStoreError::NotFound)));
        drop(send);
    };
    let (put, ()) = tokio::join!(store.put("hotel/slow", bytes.boxed()), feeding);
    put.unwrap();
    assert_eq!(read(store.get("hotel/slow").await.unwrap()).await.len(), 12 << 20);
    store.delete("hotel/slow").await.unwrap();
}

fn no_s3() -> S3 {
    S3 { endpoint: None, region: "us-east-1".into(), key: None }
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path.display().to_string()) }
    }
    found
}

#[tokio::test]
async fn a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/media");
    let store = MediaPlace::Folder(path.clone()).open(&no_s3()).unwrap();
    keeps_its_promises(&store, async || files(&path)).await;
    // What a process left that was killed.
    fs::write(path.join("hotel/dead#1"), "half").unwrap();
    store.delete("hotel/dead").await.unwrap();
    assert_eq!(files(&path), [""; 0]);
}

#[tokio::test]
async fn a_put_that_is_dropped_leaves_nothing_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = MediaPlace::Folder(folder.path().into()).open(&no_s3()).unwrap();
    let endless = file(12 << 20, false).chain(stream::pending()).boxed();
    let put = tokio::time::timeout(Duration::from_millis(500), store.put("hotel/file", endless));
    assert!(put.await.is_err());
    for _ in 0..100 {
        if files(folder.path()).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}", files(folder.path()));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = MediaPlace::Folder(file.path().join("media")).open(&no_s3()).err().unwrap();
    assert!(format!("{error:#}").contains("media cannot be kept in /"), "{error:#}");
}

/// `moto`, a server that speaks S3, from PyPI.
struct Moto {
    server: Child,
    url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Option<()> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then_some(())
}

/// The server's program, installed beside the build once.
fn program() -> Option<PathBuf> {
    let target = std::env::current_exe().ok()?.ancestors().nth(3)?.to_owned();
    let home = target.join("moto");
    let program = home.join("bin/moto_server");
    if !program.exists() {
        run("python3", &["-m", "venv", home.to_str()?])?;
        run(home.join("bin/pip"), &["install", "--quiet", "moto[server]==5.2.5"])?;
    }
    Some(program)
}

async fn moto() -> Option<Moto> {
    let program = tokio::task::spawn_blocking(program).await.unwrap()?;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(program);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let moto = Moto { server, url: format!("http://127.0.0.1:{port}") };
    for _ in 0..300 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(moto);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("moto does not answer");
}

#[tokio::test]
async fn a_bucket() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let Some(moto) = moto().await else {
        // Not `println!`, which a test that passes keeps to itself.
        writeln!(io::stderr(), "left out: S3, since python3 with venv and pip could not get moto").unwrap();
        return;
    };
    let client = reqwest::Client::new();
    client.put(format!("{}/hotels", moto.url)).send().await.unwrap().error_for_status().unwrap();
    let key = Some((Secret::new("id"), Secret::new("secret")));
    let s3 = S3 { endpoint: Some(moto.url.clone()), region: "us-east-1".into(), key };
    let store = "s3://hotels/some/where".parse::<MediaPlace>().unwrap().open(&s3).unwrap();
    let listed = async |query: &str| {
        let text =
            client.get(format!("{}/hotels?{query}", moto.url)).send().await.unwrap().text().await.unwrap();
        text.split("<Key>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    keeps_its_promises(&store, async || [listed("list-type=2").await, listed("uploads").await].concat())
        .await;
    store.put("hotel/file", file(9, false)).await.unwrap();
    assert_eq!(listed("list-type=2").await, ["some/where/hotel/file"]);
}

#[tokio::test]
async fn a_bucket_that_is_away_is_said_so_in_time() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let key = Some((Secret::new("id"), Secret::new("hidden")));
    let s3 = S3 { endpoint: Some("http://127.0.0.1:9".into()), region: "us-east-1".into(), key };
    let store = "s3://hotels".parse::<MediaPlace>().unwrap().open(&s3).unwrap();
    let put = store.put("hotel/file", file(9, false));
    let error = tokio::time::timeout(Duration::from_secs(12), put).await.unwrap().unwrap_err();
    assert!(matches!(error, MediaStoreError::Failed(_)) && !error.to_string().contains("hidden"), "{error}");
}
