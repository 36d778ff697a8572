"""What a field at `path` holds in golden.txt: numbers are the path's FNV-1a hash."""


def fnv(path):
    state = 0xCBF29CE484222325
    for byte in path.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    return state


def signed(path, bits):
    number = fnv(path) % 2**bits
    return number - 2**bits if number >= 2**(bits - 1) else number


def boolean(path):
    return fnv(path) & 1 == 1
