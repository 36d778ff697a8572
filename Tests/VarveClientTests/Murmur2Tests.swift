import Testing
import VarvePlatform

@testable import VarveClient

@Suite struct Murmur2Tests {
    /// The values of Kafka's own UtilsTest.
    @Test(arguments: [
        ("21", -973_932_308), ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ] as [(String, Int32)])
    func keysHashAsInKafka(_ key: String, _ hash: Int32) {
        #expect(Murmur2.hash(ByteSlice(key)) == hash)
    }

    @Test func partitionsAreInRange() {
        for count in [1, 2, 7, 100] {
            for key in 0..<200 {
                let partition = Murmur2.partition(ByteSlice("\(key)"), of: count)
                #expect((0..<Int32(count)).contains(partition))
            }
        }
    }
}
