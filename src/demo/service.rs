//! The demo's service: the function that `liaisond serve` calls, in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context as _, bail};
use tokio::sync::watch;

use crate::ambient::Ambient;
use crate::operate::config::ServiceHome;
use crate::operate::{self, stop, telemetry};

const READY: &str = "ready ";

/// A running service. It ends with this value: its standard input closes.
pub(super) struct Running {
    child: Child,
    /// The engine that it said it runs on.
    pub(super) engine: String,
}

impl Running {
    /// Starts one from this very executable, and waits until it serves.
    ///
    /// # Errors
    /// It cannot be started, or ends before it serves.
    pub(super) fn start(home: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program does not know its own file")?;
        let mut child = Command::new(program)
            .arg("demo-service")
            .arg(home)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the service cannot be started")?;
        let out = child.stdout.take().context("the service has no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        match line.trim().strip_prefix(READY) {
            Some(engine) => Ok(Self { child, engine: engine.to_owned() }),
            None => {
                let _ = child.wait();
                bail!("the service ended before it served; its reason stands above")
            }
        }
    }

    /// Asks it to drain, and waits for it.
    pub(super) fn stop(mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The child: serves until its standard input closes, or it is asked to stop.
pub async fn serve(home: &Path) -> ExitCode {
    let (say, stopped) = watch::channel(false);
    let parent = say.clone();
    std::thread::spawn(move || {
        let mut nothing = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut nothing);
        parent.send_replace(true);
    });
    tokio::spawn(async move {
        stop::asked().await;
        say.send_replace(true);
    });
    telemetry::start(std::env::var("RUST_LOG").ok().as_deref(), false);
    let home = ServiceHome::at(home);
    let served = operate::serve(&home, Ambient::system(), false, stopped, |bound| {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{READY}{}", bound.engine);
        let _ = out.flush();
    });
    match served.await {
        Ok(_) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "error: {why}");
            ExitCode::FAILURE
        }
    }
}
