"""As server.js, for Django. Arguments: the database, the URL of Redis, the seconds."""
import os
import sqlite3
import sys
import time
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

database, redis, ttl = sys.argv[1], sys.argv[2], int(sys.argv[3])


def read_posts():
    with open(database + '.loads', 'a') as loads:
        loads.write('load\n')
    time.sleep(0.5)
    if os.path.exists(database + '.fail'):
        raise RuntimeError('The database is away.')
    return sqlite3.connect(database).execute('SELECT id, title FROM posts').fetchall()


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


if __name__ == '__main__':
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application

    sys.modules['django_server'] = sys.modules['__main__']
    sys.path.insert(0, 'caches')
    settings.configure(
        SECRET_KEY='x', ALLOWED_HOSTS=['*'], ROOT_URLCONF='django_urls', LOGGING_CONFIG=None,
        CACHES={'default': {'BACKEND': 'django.core.cache.backends.redis.RedisCache', 'LOCATION': redis}})
    import importlib.util
    spec = importlib.util.spec_from_file_location('django_urls', 'caches/django.py')
    sys.modules['django_urls'] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from django.core.cache import cache
    cache.get('connect')
    server = make_server('127.0.0.1', 0, get_wsgi_application(), Server, Quiet)
    print(f'http://127.0.0.1:{server.server_port}', flush=True)
    server.serve_forever()
