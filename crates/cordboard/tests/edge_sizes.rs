//! Great numbers and great sizes at the HTTP edge: everybody else is served, and memory stays where it was.
//!
//! The program runs as a process of its own, whose memory can be read.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
const W70: &str = "/webdialer/services/WebdialerSoapService70";
const CLUSTER_USER: &str = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
    <isClusterUserSoap xmlns=\"urn:WD70\"><in0>bill</in0></isClusterUserSoap></e:Body></e:Envelope>";

struct Lab {
    child: Child,
    authority: String,
    folder: Option<tempfile::TempDir>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lab {
    /// A lab whose process may open so many files, if a number is given.
    fn start(files: Option<u32>) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), files)
    }

    /// Again on the same folder: nothing needs to be hashed at start, so that the peak of memory is low.
    fn again(mut self) -> Self {
        let folder = self.folder.take().unwrap();
        drop(self);
        std::fs::remove_file(folder.path().join("ports.json")).unwrap();
        Self::start_in(folder, None)
    }

    fn start_in(folder: tempfile::TempDir, files: Option<u32>) -> Self {
        let port_file = folder.path().join("ports.json");
        let program = env!("CARGO_BIN_EXE_cordboard");
        let mut command = Command::new("sh");
        let limit = files.map_or_else(String::new, |files| format!("ulimit -n {files}; "));
        command
            .arg("-c")
            .arg(format!("{limit}exec \"$0\" \"$@\""))
            .arg(program);
        command
            .args(["lab", "--ports", "any", "--data"])
            .arg(folder.path().join("data"))
            .arg("--port-file")
            .arg(&port_file)
            .env("CORDBOARD__LISTEN__HTTPS", "off")
            .env("CORDBOARD__LIMITS__FIRST_BYTE_MS", "600000")
            .env("CORDBOARD__LIMITS__IDLE_MS", "600000")
            .stdout(Stdio::null());
        let child = command.spawn().unwrap();
        let mut lab = Self {
            child,
            authority: String::new(),
            folder: Some(folder),
        };
        wait(|| {
            assert!(lab.child.try_wait().unwrap().is_none(), "the lab ended");
            port_file.exists()
        });
        let ports = std::fs::read_to_string(&port_file).unwrap();
        let ports: serde_json::Value = serde_json::from_str(&ports).unwrap();
        let http = ports["http"].as_str().unwrap();
        lab.authority = http.strip_prefix("http://").unwrap().to_owned();
        lab
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.authority).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// A line of the process's status, in KiB: `VmRSS`, `VmHWM`.
    fn memory(&self, line: &str) -> usize {
        let path = Path::new("/proc")
            .join(self.child.id().to_string())
            .join("status");
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix(line)).unwrap();
        line.trim_matches([':', '\t', ' ', 'k', 'B'])
            .parse()
            .unwrap()
    }
}

fn wait(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < LIMIT, "it does not come true");
        std::thread::yield_now();
    }
}

/// Asks on a connection that stays open; answers how long it took.
fn ask(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    let request = format!(
        "POST {W70} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{CLUSTER_USER}",
        CLUSTER_USER.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let mut piece = [0; 4096];
    while !answer.contains("</soapenv:Envelope>") {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "closed after {answer}");
        answer.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    assert!(answer.contains(">true<"), "{answer}");
    begun.elapsed()
}

#[test]
fn ten_thousand_idle_connections_cost_little_memory_and_nobody_time() {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let count = usize::try_from(files)
        .unwrap()
        .saturating_sub(300)
        .min(10_000);
    if count < 10_000 {
        eprintln!("only {count} connections: this machine allows {files} open files");
    }
    let lab = Lab::start(None).again();
    ask(&mut lab.connect());
    let before = lab.memory("VmRSS");
    let mut idle = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = lab.connect();
        ask(&mut stream);
        idle.push(stream);
    }
    let grown = lab.memory("VmRSS").saturating_sub(before);
    eprintln!("{count} idle connections: {grown} KiB");
    // The HTTP library keeps two buffers of 8 KiB for each, and each has its entry in the journal.
    assert!(grown < count * 40, "{grown} KiB for {count} connections");
    let mut other = lab.connect();
    for _ in 0..10 {
        let took = ask(&mut other);
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    // They are all still there.
    for stream in idle.iter_mut().step_by(1_000) {
        ask(stream);
    }
}

#[test]
fn without_file_handles_those_who_are_connected_go_on_and_others_come_later() {
    let lab = Lab::start(Some(40));
    let mut inside = lab.connect();
    ask(&mut inside);
    let crowd: Vec<TcpStream> = (0..60).map(|_| lab.connect()).collect();
    for _ in 0..10 {
        ask(&mut inside);
    }
    drop(crowd);
    // The places become free as the server notices.
    wait(|| {
        let mut stream = lab.connect();
        let request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        stream.write_all(request.as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    });
    ask(&mut inside);
}

#[test]
fn three_hundred_unfinished_bodies_of_two_mebibytes_stay_within_the_share_of_their_address() {
    let lab = Lab::start(None).again();
    for _ in 0..100 {
        ask(&mut lab.connect());
    }
    let before = lab.memory("VmHWM");
    let body = vec![b'x'; 2 * 1024 * 1024];
    let head = format!(
        "POST /emservice/EMServiceServlet HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut kept = Vec::new();
    for _ in 0..300 {
        let mut stream = lab.connect();
        stream.write_all(head.as_bytes()).unwrap();
        // Its end is missing. A refused one may be closed before all of it is written.
        let _ = stream.write_all(&body[1..]);
        kept.push(stream);
    }
    let mut last = kept.pop().unwrap();
    let mut answer = Vec::new();
    // A reset is as good an end as an orderly one.
    let _ = last.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    ask(&mut lab.connect());
    let grown = lab.memory("VmHWM").saturating_sub(before);
    eprintln!("300 bodies of 2 MiB: {grown} KiB");
    assert!(grown < 64 * 1024, "{grown} KiB");
}

/// Sends a body of that length, framed as told, as far as the server lets it; answers what came back.
fn pours(lab: &Lab, framing: &str, length: usize, piece: &[u8]) -> String {
    let mut stream = lab.connect();
    let head = format!("POST {W70} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut sent = 0;
    while sent < length && stream.write_all(piece).is_ok() {
        sent += piece.len();
    }
    let mut answer = Vec::new();
    // A reset is as good an end as an orderly one.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn great_bodies_attributes_and_depths_leave_memory_flat() {
    let lab = Lab::start(None).again();
    for _ in 0..100 {
        ask(&mut lab.connect());
    }
    let before = lab.memory("VmHWM");
    let length = 100 * 1024 * 1024;
    let piece = "x".repeat(64 * 1024);
    pours(
        &lab,
        &format!("Content-Length: {length}"),
        length,
        piece.as_bytes(),
    );
    let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
    pours(&lab, "Transfer-Encoding: chunked", length, chunk.as_bytes());
    let attributes: String = (0..1_000_000).map(|n| format!(" a{n}=\"\"")).collect();
    let wide = format!("<a{attributes}/>");
    let chunk = format!("{:x}\r\n{wide}\r\n0\r\n\r\n", wide.len());
    for (framing, body) in [
        (format!("Content-Length: {}", wide.len()), &wide),
        ("Transfer-Encoding: chunked".to_owned(), &chunk),
    ] {
        pours(&lab, &framing, body.len(), body.as_bytes());
    }
    // As many as fit into a body that is read.
    let fitting = &wide[..60_000];
    let framing = format!("Connection: close\r\nContent-Length: {}", fitting.len());
    let answer = pours(&lab, &framing, fitting.len(), fitting.as_bytes());
    assert!(answer.contains("<soapenv:Fault>"), "{answer}");
    let deep = "<a>".repeat(10_000);
    let framing = format!("Connection: close\r\nContent-Length: {}", deep.len());
    let answer = pours(&lab, &framing, deep.len(), deep.as_bytes());
    assert!(answer.contains("<soapenv:Fault>"), "{answer}");
    let grown = lab.memory("VmHWM").saturating_sub(before);
    eprintln!("peak before: {before} KiB");
    eprintln!("100 MB twice, a million attributes, ten thousand levels: {grown} KiB");
    assert!(grown < 16 * 1024, "{grown} KiB");
    ask(&mut lab.connect());
}
