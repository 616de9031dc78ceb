// Makes the certificates of one run: an authority, and what it has signed for nsqd and for a client.
//
// Usage: certificates FOLDER; it writes ca.pem, server.pem, server.key, client.pem and client.key there.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const valid = 24 * time.Hour

type identity struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// issue signs template, with its own key when there is no issuer, and returns the DER as well.
func issue(template *x509.Certificate, issuer *identity) (*identity, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	check(err)
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(valid)
	if issuer == nil {
		issuer = &identity{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.certificate, key.Public(), issuer.key)
	check(err)
	certificate, err := x509.ParseCertificate(der)
	check(err)
	return &identity{certificate, key}, der
}

func write(folder, name, kind string, der []byte) {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	check(os.WriteFile(filepath.Join(folder, name), text, 0o600))
}

func writeIdentity(folder, name string, template *x509.Certificate, authority *identity) {
	issued, der := issue(template, authority)
	key, err := x509.MarshalPKCS8PrivateKey(issued.key)
	check(err)
	write(folder, name+".pem", "CERTIFICATE", der)
	write(folder, name+".key", "PRIVATE KEY", key)
}

func main() {
	folder := os.Args[1]
	authority, der := issue(&x509.Certificate{
		Subject:               pkix.Name{CommonName: "client tests"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}, nil)
	write(folder, "ca.pem", "CERTIFICATE", der)
	writeIdentity(folder, "server", &x509.Certificate{
		Subject:     pkix.Name{CommonName: "nsqd"},
		DNSNames:    []string{"localhost"}, // nsqjs asks for this name whatever it has connected to
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, authority)
	writeIdentity(folder, "client", &x509.Certificate{
		Subject:     pkix.Name{CommonName: "joe"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, authority)
}
