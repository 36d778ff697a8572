internal import VarveMessages
internal import VarvePlatform
internal import VarveSimulation
internal import VarveWire

/// Messages in every version. What was read and written again is read as the same.
enum WireFuzz {
    private static let entries = MessageCatalog.entries

    static func run(_ input: ByteSlice) {
        var input = FuzzInput(input)
        let entry = entries[input.choice(of: entries.count)]
        do {
            let message = try entry.decode(input.rest, structureBytesMax: 4 << 20).message
            let written = try entry.encode(message)
            let again = try entry.decode(written).message
            // By their bytes: a NaN is not equal to itself.
            guard try entry.encode(again).array == written.array else {
                fatalError("\(entry.name) v\(entry.version) is not read as it was written")
            }
        } catch let error as WireError {
            if case .valueTooLong = error { return }
            // Anything else is a refusal, as it should be.
        } catch {
            fatalError("\(entry.name) v\(entry.version): \(error)")
        }
        let frame = input.rest
        do throws(WireError) {
            _ = try RequestHeader.decode(frame)
        } catch {
            // A refusal.
        }
    }

    static var seeds: [ByteSlice] {
        var random = Generator(seed: 1)
        return entries.indices.map { index in
            do {
                let message = try entries[index].random(&random)
                return FuzzInput.choosing(index, try entries[index].encode(message))
            } catch {
                fatalError("\(entries[index].name): \(error)")
            }
        }
    }
}
