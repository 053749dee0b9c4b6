use runestore_postgres_tests::Pair;
#[test]
fn smoke() {
    let t = std::time::Instant::now();
    let mut pair = Pair::start();
    println!("started {:?}", t.elapsed());
    pair.primary().sql("CREATE TABLE a (b int)");
    pair.primary().kill();
    println!("killed {:?}", t.elapsed());
    pair.promote();
    println!("promoted {:?}", t.elapsed());
    pair.primary().sql("INSERT INTO a VALUES (1)");
    pair.join();
    println!("joined {:?}", t.elapsed());
    pair.primary().freeze();
    println!("frozen {:?}", t.elapsed());
    pair.promote();
    println!("promoted {:?}", t.elapsed());
    pair.standby().thaw();
    pair.standby().kill();
    pair.join();
    println!("joined {:?}", t.elapsed());
    pair.standby().kill();
    pair.wait_for_loss();
    pair.standby().launch();
    pair.wait_for_standby();
    println!("again {:?}", t.elapsed());
}
