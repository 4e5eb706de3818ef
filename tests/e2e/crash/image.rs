//! A file system that can be cut off at any moment.
//!
//! In scope: an image on a loop device, its shutdown without a last write of the journal. Out of
//! scope: what is on it. Invariant: after a cut, only what was synced is found at the next mount.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::{tool, try_tool, without};

/// The file systems tried.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Ext4,
    Xfs,
}

/// A mounted file system; unmounted and removed when dropped.
///
/// `xfs_io` waits beside it for the order to cut, so that the cut follows the order at once.
pub(super) struct Image {
    switch: Option<Child>,
    mount: TempDir,
    file: TempDir,
}

impl Image {
    pub(super) fn make(kind: Kind) -> Self {
        let (mount, file) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut image = Self { switch: None, mount, file };
        let file = image.file.path().join("image");
        File::create(&file).unwrap().set_len(BYTES).unwrap();
        match kind {
            Kind::Ext4 => tool(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&file)),
            Kind::Xfs => tool(Command::new("mkfs.xfs").args(["-q", "-f"]).arg(&file)),
        }
        image.mount();
        image
    }

    pub(super) fn path(&self) -> &Path {
        self.mount.path()
    }

    /// The power fails: nothing more reaches the medium, not even the journal.
    pub(super) fn cut(&mut self) {
        let mut switch = self.switch.take().unwrap();
        switch.stdin.take().unwrap().write_all(b"shutdown\n").unwrap();
        assert!(switch.wait().unwrap().success());
    }

    /// The power is back.
    pub(super) fn remount(&mut self) {
        self.unmount().unwrap();
        self.mount();
    }

    fn mount(&mut self) {
        let file = self.file.path().join("image");
        tool(Command::new("mount").args(["-o", "loop"]).arg(file).arg(self.path()));
        let mut switch = Command::new("xfs_io");
        switch.arg("-x").arg(self.path()).stdin(Stdio::piped()).stdout(Stdio::null());
        self.switch = Some(switch.spawn().unwrap_or_else(|error| without(&error.to_string())));
    }

    /// Waits for a dying process to let go.
    fn unmount(&self) -> Result<(), String> {
        let mut outcome = Ok(());
        for _ in 0..100 {
            outcome = try_tool(Command::new("umount").arg(self.path()));
            if outcome.is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        outcome
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // A test that has failed must still leave no mount behind.
        if let Some(mut switch) = self.switch.take() {
            drop(switch.kill());
            drop(switch.wait());
        }
        drop(try_tool(Command::new("umount").arg("-l").arg(self.path())));
    }
}

/// Sparse: only what is written takes space.
const BYTES: u64 = 1 << 30;
