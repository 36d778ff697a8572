import Testing

@testable import VarveDelivery

@Suite struct IPAddressTests {
    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.-4", "1.2.3.4 ", "a.b.c.d",
        ":",
        ":::", "1::2::3", "12345::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1.2.3", "1.2.3.4::",
        "g::",
        "1:2:3:4:5:6:7::8", ":1:2:3:4:5:6:7:8", "+1.2.3.4",
    ])
    func refuses(_ text: String) { #expect(IPAddress(text) == nil) }

    @Test func readsBothVersions() {
        #expect(IPAddress("10.0.0.1")?.bits == 0x0A00_0001)
        #expect(IPAddress("::")?.bits == 0)
        #expect(IPAddress("::1")?.bits == 1)
        #expect(IPAddress("2001:db8::1")?.bits == 0x2001_0db8_0000_0000_0000_0000_0000_0001)
        #expect(IPAddress("1:2:3:4:5:6:7:8")?.bits == 0x0001_0002_0003_0004_0005_0006_0007_0008)
        #expect(IPAddress("fe80::1%eth0") == IPAddress("fe80::1"))
        #expect(IPAddress("::ffff:10.0.0.1") == IPAddress("10.0.0.1"))
        #expect(IPAddress("64:ff9b::1.2.3.4")?.bits == 0x0064_ff9b_0000_0000_0000_0000_0102_0304)
    }

    @Test func networksHoldTheirAddresses() {
        let cases: [(String, String, Bool)] = [
            ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "1.2.3.4", true), ("0.0.0.0/0", "::1", false),
            ("1.2.3.4", "1.2.3.4", true),
            ("1.2.3.4/32", "1.2.3.5", false), ("10.1.2.3/8", "10.9.9.9", true),
            ("::/0", "1::", true), ("::/0", "10.0.0.1", false),
            ("2001:db8::/33", "2001:db8:8000::", false),
            ("2001:db8::/33", "2001:db8:7fff::", true), ("fe80::/10", "febf::1", true),
        ]
        for (network, address, holds) in cases {
            #expect(
                IPNetwork(network)?.contains(IPAddress(address)!) == holds, "\(network) \(address)")
        }
        for bad in ["10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "/8", "10.0.0.0/8/8"] {
            #expect(IPNetwork(bad) == nil, "\(bad)")
        }
    }
}
