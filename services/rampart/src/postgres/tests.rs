use std::net::TcpStream;

use super::*;

fn accepts(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[tokio::test]
async fn it_starts_crashes_resumes_and_leaves_nothing() -> anyhow::Result<()> {
    let mut postgres = throwaway().await?;
    let (port, folder) = (postgres.port(), postgres.programs.data.parent().map(Path::to_path_buf));
    assert!(accepts(port));
    let password = fs::metadata(postgres.programs.beside("password"))?;
    assert_eq!(password.permissions().mode() & 0o777, 0o600);
    assert!(postgres.url("postgres").ends_with(&format!("@127.0.0.1:{port}/postgres")));

    postgres.crash().await?;
    assert!(!accepts(port));
    postgres.resume().await?;
    assert!(accepts(port) && postgres.port() == port);

    let second = start(Options { data: postgres.programs.data.clone(), port: None, durable: false }).await;
    assert!(second.err().is_some_and(|error| error.to_string().contains("already running")));

    postgres.stop().await?;
    assert!(!accepts(port));
    assert!(folder.is_some_and(|folder| !folder.exists()));
    Ok(())
}

#[tokio::test]
async fn data_and_password_outlive_a_stop_and_a_drop_ends_the_server() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711))?;
    let options = Options { data: folder.path().join("data"), port: None, durable: true };
    let first = start(options.clone()).await?;
    let password = first.password.clone();
    first.stop().await?;

    let second = start(options).await?;
    assert_eq!(second.password, password);
    let port = second.port();
    drop(second);
    assert!(!accepts(port));
    Ok(())
}
