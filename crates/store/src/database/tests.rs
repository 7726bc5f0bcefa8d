use super::*;

const FIRST: Migration =
    Migration { version: 1, sql: "CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT) STRICT" };
const SECOND: Migration = Migration { version: 2, sql: "ALTER TABLE item ADD COLUMN size REAL" };

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().join("state.sqlite")).unwrap();
    (dir, path)
}

#[test]
fn what_is_written_survives_reopening_and_migrating_further() {
    let (_dir, path) = folder();
    let database = Database::open(&path).unwrap();
    database.migrate("items", &[FIRST]).unwrap();
    database.write(|tx| tx.execute("INSERT INTO item VALUES (1, ?)", &["hello".into()])).unwrap();
    drop(database);

    let database = Database::open(&path).unwrap();
    database.migrate("items", &[FIRST, SECOND]).unwrap();
    database.migrate("items", &[FIRST, SECOND]).unwrap();
    database.migrate("others", &[]).unwrap();
    let rows = database.query("SELECT id, text, size FROM item", &[]).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].integer(0).unwrap(), 1);
    assert_eq!(rows[0].text(1).unwrap(), "hello");
    assert_eq!(rows[0].value(2), &Value::Null);
    let error = rows[0].real(2).unwrap_err();
    assert_eq!(error.to_string(), "column 2 holds null, expected real");
}

#[test]
fn a_file_from_a_newer_program_is_refused() {
    let (_dir, path) = folder();
    let database = Database::open(&path).unwrap();
    database.migrate("items", &[FIRST, SECOND]).unwrap();
    let error = database.migrate("items", &[FIRST]).unwrap_err();
    assert!(matches!(error, StoreError::NewerDatabase { found: 2, known: 1, .. }), "{error}");
}

#[test]
fn an_error_inside_a_transaction_leaves_nothing() {
    let (_dir, path) = folder();
    let database = Database::open(&path).unwrap();
    database.migrate("items", &[FIRST]).unwrap();
    let result = database.write(|tx| {
        tx.execute("INSERT INTO item VALUES (1, 'a')", &[])?;
        Err::<(), _>(StoreError::Interrupted)
    });
    assert!(result.is_err());
    assert!(database.query("SELECT * FROM item", &[]).unwrap().is_empty());
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let (_dir, path) = folder();
    fs::write(&path, "this is plainly not a database, however long it may be".repeat(200)).unwrap();
    let error = Database::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::CorruptDatabase { .. }), "{error:?}");
}

#[test]
fn a_full_disk_is_a_value_and_loses_nothing() {
    let (_dir, path) = folder();
    let database = Database::open(&path).unwrap();
    database.migrate("items", &[FIRST]).unwrap();
    database.write(|tx| tx.execute("INSERT INTO item VALUES (1, 'kept')", &[])).unwrap();
    database.limit_pages(8);
    let large = "x".repeat(100_000);
    let error = database
        .write(|tx| tx.execute("INSERT INTO item VALUES (2, ?)", &[large.as_str().into()]))
        .unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    let rows = database.query("SELECT text FROM item", &[]).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].text(0).unwrap(), "kept");
}

#[test]
fn two_handles_write_in_turn() {
    let (_dir, path) = folder();
    let first = Database::open(&path).unwrap();
    first.migrate("items", &[FIRST]).unwrap();
    std::thread::scope(|scope| {
        for worker in 0..4_i64 {
            let path = &path;
            scope.spawn(move || {
                let database = Database::open(path).unwrap();
                for item in 0..10 {
                    let id = worker * 10 + item;
                    database
                        .write(|tx| tx.execute("INSERT INTO item VALUES (?, '')", &[id.into()]))
                        .unwrap();
                }
            });
        }
    });
    let rows = first.query("SELECT count(*) FROM item", &[]).unwrap();
    assert_eq!(rows[0].integer(0).unwrap(), 40);
}
