internal import CLibFuzzer
internal import Foundation
internal import VarveFuzz
internal import VarvePlatform

// varve-fuzz TARGET DIRECTORY [libFuzzer's flags]: writes the target's seeds into the directory,
// then hands over to libFuzzer. With a file instead of a directory it runs that one input.

let words = CommandLine.arguments
guard words.count > 2, let chosen = FuzzTarget(rawValue: words[1]) else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    FileHandle.standardError.write(
        Data("usage: varve-fuzz TARGET DIRECTORY-OR-FILE [FLAGS]; targets: \(names)\n".utf8))
    exit(2)
}
let target = chosen
var isDirectory: ObjCBool = false
if FileManager.default.fileExists(atPath: words[2], isDirectory: &isDirectory),
    isDirectory.boolValue
{
    for (number, seed) in target.seeds.enumerated() {
        let path = URL(fileURLWithPath: words[2]).appendingPathComponent("seed-\(number)")
        try Data(seed.array).write(to: path)
    }
}

// libFuzzer wants the arguments as `main` has them: the program, then its own.
var arguments = ([words[0]] + words.dropFirst(2)).map { strdup($0) }
var count = CInt(arguments.count)
arguments.append(nil)
let status = arguments.withUnsafeMutableBufferPointer { buffer in
    var start = buffer.baseAddress
    return LLVMFuzzerRunDriver(&count, &start) { bytes, count in
        target.run(ByteSlice(copying: UnsafeRawBufferPointer(start: bytes, count: count)))
        return 0
    }
}
exit(status)
