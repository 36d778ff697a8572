import Foundation
internal import VarvePlatform

/// Files of bytes that other programs wrote, in Tests/Fixtures/Wire.
enum Fixture {
    /// The lines of a file that are neither empty nor start with "#".
    static func lines(_ name: String, from file: String = #filePath) throws -> [Substring] {
        let directory = URL(fileURLWithPath: file).deletingLastPathComponent()
        let path = directory.appendingPathComponent("../Fixtures/Wire/" + name)
        return try String(contentsOf: path, encoding: .utf8)
            .split(separator: "\n").filter { !$0.hasPrefix("#") }
    }

    /// FNV-1a, 64 bits: the number that golden.py puts into the field at `path`.
    static func hash(_ path: String) -> UInt64 {
        path.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}

extension ByteSlice {
    /// The bytes that `hex` names, nil where it is not hexadecimal.
    init?(hex: some StringProtocol) {
        let digits = hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == hex.utf8.count, digits.count % 2 == 0 else { return nil }
        self.init(
            stride(from: 0, to: digits.count, by: 2).map { index in
                UInt8(digits[index] << 4 | digits[index + 1])
            })
    }

    var hex: String {
        array.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
