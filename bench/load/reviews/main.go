// The load of a benchmark, from a client like the API server's: Go's transport writes a request of 5 KiB in other pieces than Node's does,
// and each piece is a record to decrypt. Built by ../goProgram.ts with the standard library alone.
//
//	client CA-FILE REVIEWS-FILE     then on standard input, a line for each load: PORT COUNT CONNECTIONS
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
)

func main() {
	authority, err := os.ReadFile(os.Args[1])
	check(err)
	file, err := os.ReadFile(os.Args[2])
	check(err)
	reviews := bytes.Split(bytes.TrimSpace(file), []byte("\n"))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		MaxIdleConnsPerHost: 64,
	}}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var port, count, connections int
		_, err := fmt.Sscan(lines.Text(), &port, &count, &connections)
		check(err)
		load(client, fmt.Sprintf("https://127.0.0.1:%d/validate?timeout=10s", port), reviews, count, connections)
		fmt.Println("done")
	}
}

// load posts the reviews one after the other on each of the connections until so many are answered.
func load(client *http.Client, url string, reviews [][]byte, count, connections int) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range connections {
		workers.Go(func() {
			for nth := int(next.Add(1)) - 1; nth < count; nth = int(next.Add(1)) - 1 {
				post(client, url, reviews[nth%len(reviews)])
			}
		})
	}
	workers.Wait()
}

func post(client *http.Client, url string, review []byte) {
	answer, err := client.Post(url, "application/json", bytes.NewReader(review))
	check(err)
	text, err := io.ReadAll(answer.Body)
	check(err)
	check(answer.Body.Close())
	if !bytes.Contains(text, []byte(`"allowed":true`)) || bytes.Contains(text, []byte("warnings")) {
		check(fmt.Errorf("not allowed: %s", text))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
