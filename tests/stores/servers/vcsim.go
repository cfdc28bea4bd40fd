package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/vmware/govmomi/simulator"
)

func main() {
	addr := flag.String("l", "127.0.0.1:8989", "listen")
	wsdl := flag.String("wsdl", "", "WSDL file")
	cert := flag.String("cert", "", "TLS cert")
	key := flag.String("key", "", "TLS key")
	esx := flag.Bool("esx", false, "ESX model")
	flag.Parse()
	var m *simulator.Model
	if *esx {
		m = simulator.ESX()
	} else {
		m = simulator.VPX()
	}
	defer m.Remove()
	if err := m.Create(); err != nil {
		panic(err)
	}
	m.Service.TLS = new(tls.Config)
	if *cert != "" {
		c, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			panic(err)
		}
		m.Service.TLS.Certificates = []tls.Certificate{c}
	}
	if *wsdl != "" {
		m.Service.ServeMux = http.NewServeMux()
		m.Service.ServeMux.HandleFunc("/sdk/vimService.wsdl", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, *wsdl) })
	}
	m.Service.Listen = &url.URL{Host: *addr, User: url.UserPassword("user", "pass")}
	s := m.Service.NewServer()
	fmt.Println(s.URL)
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM)
	<-c
	s.Close()
}
