import Testing

@testable import VarveDelivery

struct NewlinesTests {
    /// The bytes are looked at eight at a time: a newline is found wherever it stands, and bytes
    /// that are one more or less, or have the top bit besides, are none.
    @Test func findsNewlinesAtEveryPlaceAndNothingElse() {
        for byte in UInt8.min...UInt8.max {
            for (neighbour, length) in [(0x0B, 9), (0x0C, 17), (0x09, 7), (0x8A, 8), (0x00, 16)] {
                for place in 0...length {
                    var bytes = [UInt8](repeating: UInt8(neighbour), count: length)
                    bytes.insert(byte, at: place)
                    let found = bytes.withUnsafeBytes { $0.hasNewline }
                    #expect(found == (byte == 0x0A || byte == 0x0D), "\(bytes)")
                }
            }
        }
    }
}
