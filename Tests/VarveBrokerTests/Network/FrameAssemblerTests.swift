import Foundation
import Testing
import VarvePlatform

@testable import VarveBroker

struct FrameAssemblerTests {
    private func framed(_ frames: [[UInt8]]) -> [UInt8] {
        frames.flatMap { frame in
            withUnsafeBytes(of: Int32(frame.count).bigEndian) { Array($0) } + frame
        }
    }

    private func drain(_ queue: inout FrameQueue) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        while let frame = queue.popFirst() { frames.append(frame.array) }
        return frames
    }

    @Test func framesComeOutWholeHoweverTheBytesAreCut() throws {
        let seed =
            ProcessInfo.processInfo.environment["VARVE_SEED"].flatMap(UInt64.init)
            ?? UInt64.random(in: 0...UInt64.max)
        print("VARVE_SEED=\(seed)")
        var random = SplitMix(state: seed)
        for _ in 0..<30 {
            let frames = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                let large = Int.random(in: 0..<10, using: &random) == 0
                return (0..<Int.random(in: 8...(large ? 300_000 : 600), using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            }
            let bytes = framed(frames)
            var assembler = FrameAssembler(frameBytesMax: 1 << 20)
            var queue = FrameQueue()
            var position = 0
            while position < bytes.count {
                let step = min(
                    bytes.count - position, Int.random(in: 1...100_000, using: &random))
                if assembler.missingCount > 0 && Bool.random(using: &random) {
                    assembler.fill(into: &queue) { buffer in
                        let count = min(step, buffer.count)
                        buffer.copyBytes(from: bytes[position..<position + count])
                        position += count
                        return count
                    }
                } else {
                    try bytes[position..<position + step].withUnsafeBytes {
                        try assembler.consume($0, into: &queue)
                    }
                    position += step
                }
            }
            #expect(drain(&queue) == frames)
            #expect(!assembler.isInsideFrame)
            #expect(assembler.begunCount == frames.count)
        }
    }

    @Test(arguments: [Int32(-1), 0, 7, 1001, Int32.max, Int32.min])
    func lengthsThatNoRequestHasAreRefusedBeforeMemoryIsTaken(length: Int32) {
        var assembler = FrameAssembler(frameBytesMax: 1000)
        var queue = FrameQueue()
        #expect(throws: FrameError.badLength(Int(length), bytesMax: 1000)) {
            try withUnsafeBytes(of: length.bigEndian) {
                try assembler.consume($0, into: &queue)
            }
        }
        #expect(assembler.capacity == 0)
    }

    @Test func memoryFollowsWhatCameNotWhatWasAnnounced() throws {
        var assembler = FrameAssembler(frameBytesMax: 100 << 20)
        var queue = FrameQueue()
        try withUnsafeBytes(of: Int32(100 << 20).bigEndian) {
            try assembler.consume($0, into: &queue)
        }
        try [UInt8](repeating: 1, count: 10).withUnsafeBytes {
            try assembler.consume($0, into: &queue)
        }
        #expect(assembler.capacity <= 64 << 10)
        for _ in 0..<100 {
            try [UInt8](repeating: 1, count: 64 << 10).withUnsafeBytes {
                try assembler.consume($0, into: &queue)
            }
            #expect(assembler.capacity <= max(64 << 10, 2 * assembler.receivedCount))
        }
    }
}

/// A small seeded generator (SplitMix64, Steele et al. 2014).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
