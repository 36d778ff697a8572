internal import VarveSimulation

/// One way to damage a file.
package enum FileDamage: Equatable, Sendable, CustomStringConvertible {
    case truncate(to: Int)
    case flip(bit: Int)
    case zero(sector: Int)
    case fill(sector: Int)
    /// The sector's bytes stand in the next one as well.
    case duplicate(sector: Int)
    /// The sector and the next one have changed places.
    case swap(sector: Int)

    static let sectorBytes = 512

    /// Every damage of a file of `size` bytes: cut off at every byte, every bit flipped, every
    /// sector zeroed, filled with ones, doubled, and swapped with the next.
    static func all(size: Int) -> [FileDamage] {
        var all = (0..<size).map { FileDamage.truncate(to: $0) }
        all += (0..<size * 8).map { .flip(bit: $0) }
        let sectors = (size + sectorBytes - 1) / sectorBytes
        for sector in 0..<sectors {
            all += [.zero(sector: sector), .fill(sector: sector)]
            if sector + 1 < sectors { all += [.duplicate(sector: sector), .swap(sector: sector)] }
        }
        return all
    }

    /// Bytes stand where they were not written.
    var movesBytes: Bool {
        switch self {
        case .duplicate, .swap: true
        case .truncate, .flip, .zero, .fill: false
        }
    }

    func apply(to bytes: [UInt8]) -> [UInt8] {
        var changed = bytes
        func range(_ sector: Int) -> Range<Int> {
            let start = sector * Self.sectorBytes
            return start..<min(start + Self.sectorBytes, bytes.count)
        }
        switch self {
        case .truncate(let size): return Array(bytes[..<size])
        case .flip(let bit): changed[bit / 8] ^= UInt8(1 << (bit % 8))
        case .zero(let sector): for index in range(sector) { changed[index] = 0 }
        case .fill(let sector): for index in range(sector) { changed[index] = 0xFF }
        case .duplicate(let sector):
            for index in range(sector + 1) { changed[index] = bytes[index - Self.sectorBytes] }
        case .swap(let sector):
            for index in range(sector + 1) {
                changed[index] = bytes[index - Self.sectorBytes]
                changed[index - Self.sectorBytes] = bytes[index]
            }
        }
        return changed
    }

    package var description: String {
        switch self {
        case .truncate(let size): "cut off at \(size)"
        case .flip(let bit): "byte \(bit / 8) bit \(bit % 8) flipped"
        case .zero(let sector): "sector \(sector) zeroed"
        case .fill(let sector): "sector \(sector) filled"
        case .duplicate(let sector): "sector \(sector) doubled"
        case .swap(let sector): "sectors \(sector) and \(sector + 1) swapped"
        }
    }
}
