import Testing
import VarveLog
import VarvePlatform
import VarveSimulation

@Suite struct DurableMarkTests {
    /// A write that is torn damages the slot it goes to: the mark before it must be in the other.
    @Test func whicheverSlotIsLostTheOtherHasAMark() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        for value in ["0", "1", "2", "3"] { try fixture.append([value]) }
        fixture.directory.commitNow()
        #expect(try log.trim(to: 1, now: fixture.now) == 1)
        #expect(try log.trim(to: 3, now: fixture.now) == 3)
        let path = "/data/topics/events/0/durable"
        let good = try #require(fixture.disk.contents(path))
        var starts: Set<Int64> = []
        for slot in 0..<2 {
            let copy = fixture.disk.fork()
            var torn = good
            for at in slot * 512..<min((slot + 1) * 512, torn.count) { torn[at] = 0 }
            copy.setContents(path, torn)
            let directory = try DataDirectory.open(
                path: "/data", disk: copy, options: LogFixture.options(), now: fixture.now,
                logger: nil)
            starts.insert(directory.topic("events")!.partitions[0].startOffset)
        }
        #expect(starts == [1, 3])
    }
}
